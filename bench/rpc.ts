import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Door, doors } from './rpc/doors.js';
import type { Load } from './rpc/load.js';
import { withService } from './with-service.js';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '3' },
    clients: { type: 'string', default: '8' },
    repeat: { type: 'string', default: '3' },
    doors: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});
const server = process.env.TEST_DATABASE_URL;
if (!server) {
  console.error('TEST_DATABASE_URL must name a PostgreSQL on which a database may be made and dropped.');
  process.exit(1);
}

/**
 * npm run bench:rpc -- --seconds 3 [--doors look-up] [--json]: a page of 100 mappings, and one of them, from our
 * service by each of its doors (or those whose name holds a text), against bare servers beside it.
 */
async function main(databaseServer: string): Promise<void> {
  await withService(databaseServer, async ({ url, token, databaseUrl, home }) => {
    const { id, internalId } = await fill(url, token, home);
    const bare = start('bare-servers', [databaseUrl, id, internalId]);
    const client = start('load', []);
    try {
      const [ports] = (await once(bare, 'message')) as [{ http: number; grpc: number }];
      const chosen = doors(id, internalId).filter(({ name }) => name.includes(options.doors));
      print(await compare(client, chosen, { port: Number(new URL(url).port), token }, ports));
    } finally {
      bare.kill();
      client.kill();
    }
  });
}

function start(name: string, args: string[]): ChildProcess {
  return fork(fileURLToPath(new URL(`./rpc/${name}.js`, import.meta.url)), args);
}

/** A school with so many students; returns its integration, and one of them. */
async function fill(url: string, token: string, home: string) {
  await mkdir(join(home, 'files', 'school'), { recursive: true });
  const rows = Array.from({ length: Number(options.rows) }, (_, i) => `S${i},Ana ${i}`).join('\n');
  await writeFile(join(home, 'files', 'school', 'students.csv'), `id,nombres\n${rows}\n`);
  const post = async (path: string, body: object) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as { id: string; mappings: { internalId: string }[] };
  };
  const config = { importPath: 'school' };
  const { id } = await post('/integrations', {
    institutionId: randomUUID(),
    provider: 'GENERIC_CSV',
    config,
  });
  const { mappings } = await post(`/integrations/${id}/sync`, { entityType: 'STUDENT' });
  return { id, internalId: mappings[0]?.internalId as string };
}

type Rates = Record<string, { ours: number; bare: number; ratio: number }>;

/** Both sides in turn, several times; medians of calls a second. */
async function compare(
  client: ChildProcess,
  all: Door[],
  ours: { port: number; token: string },
  bare: { http: number; grpc: number },
): Promise<Rates> {
  const rates: Rates = {};
  for (const door of all) {
    const seen = { ours: [] as number[], bare: [] as number[] };
    const load = { ...ours, door, clients: Number(options.clients), seconds: Number(options.seconds) };
    for (let i = 0; i < Number(options.repeat); i++) {
      seen.bare.push(await rateOf(client, { ...load, port: bare[door.protocol] }));
      seen.ours.push(await rateOf(client, load));
    }
    const [a, b] = [median(seen.ours), median(seen.bare)];
    rates[door.name] = { ours: Math.round(a), bare: Math.round(b), ratio: Math.round((a * 100) / b) / 100 };
  }
  return rates;
}

async function rateOf(client: ChildProcess, load: Load): Promise<number> {
  client.send({ ...load, door: { ...load.door, body: load.door.body?.toString('base64') } });
  const [{ rate, error }] = (await once(client, 'message')) as [{ rate: number; error?: string }];
  if (error) throw new Error(`${load.door.name}: ${error}`);
  return rate;
}

function median(list: number[]): number {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] as number;
}

function print(rates: Rates): void {
  if (options.json) console.log(JSON.stringify({ callsPerSecond: rates }));
  else {
    console.log('\nCalls a second, and our share of what a bare server gives:');
    console.table(rates);
  }
}

await main(server);
