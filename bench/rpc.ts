import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startService } from '../examples/demo/service.js';
import { connectJson, grpc } from './rpc/load.js';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '3' },
    clients: { type: 'string', default: '8' },
    repeat: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const server = process.env.TEST_DATABASE_URL;
if (!server) {
  console.error('TEST_DATABASE_URL must name a PostgreSQL on which a database may be made and dropped.');
  process.exit(1);
}

/**
 * npm run bench:rpc -- --seconds 3 [--json]: a page of 100 mappings from our service, against bare servers
 * beside it.
 */
async function main(databaseServer: string): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'smartid-bench-'));
  const name = `bench_rpc_${process.pid}`;
  const admin = new pg.Client({ connectionString: databaseServer });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(databaseServer);
  url.pathname = `/${name}`;
  const token = 'bench-token-bench-token-bench-token';
  const env = {
    DATA_DIR: home,
    DATABASE_URL: url.href,
    ADMIN_TOKEN: token,
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    LOG_FORMAT: 'json',
  };
  const service = await startService(env);
  try {
    const integrationId = await fill(service.url, token, home);
    const bare = fork(fileURLToPath(new URL('./rpc/bare-servers.js', import.meta.url)), [
      url.href,
      integrationId,
    ]);
    const [ports] = (await once(bare, 'message')) as [{ http: number; grpc: number }];
    try {
      print(await compare({ port: Number(new URL(service.url).port), token, integrationId }, ports));
    } finally {
      bare.kill();
    }
  } finally {
    await service.stop();
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
    await rm(home, { recursive: true, force: true });
  }
}

/** A school with so many students; returns its integration. */
async function fill(url: string, token: string, home: string): Promise<string> {
  await mkdir(join(home, 'files', 'school'), { recursive: true });
  const rows = Array.from({ length: Number(options.rows) }, (_, i) => `S${i},Ana ${i}`).join('\n');
  await writeFile(join(home, 'files', 'school', 'students.csv'), `id,nombres\n${rows}\n`);
  const post = async (path: string, body: object) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as { id: string };
  };
  const config = { importPath: 'school' };
  const { id } = await post('/integrations', {
    institutionId: randomUUID(),
    provider: 'GENERIC_CSV',
    config,
  });
  await post(`/integrations/${id}/sync`, { entityType: 'STUDENT' });
  return id;
}

type Rates = Record<'connectJson' | 'grpc', { ours: number; bare: number }>;

/** Both sides in turn, several times; medians of calls a second. */
async function compare(
  ours: { port: number; token: string; integrationId: string },
  bare: { http: number; grpc: number },
): Promise<Rates> {
  const load = { clients: Number(options.clients), seconds: Number(options.seconds) };
  const target = (port: number) => ({ ...ours, host: '127.0.0.1', port });
  const seen = {
    connectJson: { ours: [] as number[], bare: [] as number[] },
    grpc: { ours: [] as number[], bare: [] as number[] },
  };
  for (let i = 0; i < Number(options.repeat); i++) {
    seen.connectJson.bare.push(await connectJson(target(bare.http), load));
    seen.connectJson.ours.push(await connectJson(target(ours.port), load));
    seen.grpc.bare.push(await grpc(target(bare.grpc), load));
    seen.grpc.ours.push(await grpc(target(ours.port), load));
  }
  const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] as number;
  const rates = ({ ours: a, bare: b }: { ours: number[]; bare: number[] }) => ({
    ours: Math.round(median(a)),
    bare: Math.round(median(b)),
  });
  return { connectJson: rates(seen.connectJson), grpc: rates(seen.grpc) };
}

function print(rates: Rates): void {
  const ratio = ({ ours, bare }: { ours: number; bare: number }) => Math.round((ours * 100) / bare) / 100;
  const ratios = { connectJson: ratio(rates.connectJson), grpc: ratio(rates.grpc) };
  if (options.json) console.log(JSON.stringify({ ratios, callsPerSecond: rates }));
  else {
    console.log('\nPages of 100 mappings a second, and our share of what a bare server gives:');
    console.table(
      Object.fromEntries(
        Object.entries(rates).map(([name, rate]) => [name, { ...rate, ratio: ratio(rate) }]),
      ),
    );
  }
}

await main(server);
