import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { WebhookLoad, WebhookResult } from './webhooks/load.js';
import { type BenchService, withService } from './with-service.js';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '5000' },
    'at-once': { type: 'string', default: '16' },
    repeat: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const server = process.env.TEST_DATABASE_URL;
if (!server) {
  console.error('TEST_DATABASE_URL must name a PostgreSQL on which a database may be made and dropped.');
  process.exit(1);
}
/** Each of so many calls is signed wrongly, and each of so many has a body that is none. */
const WRONG_EVERY = 50;
const WARM_UP = 500;

/**
 * npm run bench:webhooks -- --calls 5000 --at-once 16 [--json]: signed webhooks to our service, and the same calls to a
 * bare server that only puts them into a row, in turn. Fails when one is neither stored nor refused with a reason.
 */
async function main(databaseServer: string): Promise<void> {
  await withService(databaseServer, async (service) => {
    const { id, secret } = await makeSchool(service);
    const bare = start('bare-server', [service.databaseUrl]);
    const client = start('load', []);
    try {
      const [{ port }] = (await once(bare, 'message')) as [{ port: number }];
      const base = { secret, atOnce: Number(options['at-once']), path: `/integrations/${id}/webhooks` };
      const ours = { ...base, port: Number(new URL(service.url).port) };
      await compare(service, client, id, { ours, bare: { ...base, port } });
    } finally {
      bare.kill();
      client.kill();
    }
  });
}

type Side = Pick<WebhookLoad, 'secret' | 'atOnce' | 'path' | 'port'>;

async function compare(
  { databaseUrl }: BenchService,
  client: ChildProcess,
  id: string,
  sides: { ours: Side; bare: Side },
): Promise<void> {
  const medians = { ours: [] as number[], bare: [] as number[] };
  const ends = { ours: [] as number[], bare: [] as number[] };
  const answers: Record<string, number> = {};
  let taken = 0;
  const run = async (side: 'ours' | 'bare', prefix: string, calls: number) => {
    const wrongEvery = side === 'ours' ? WRONG_EVERY : 0;
    const result = await measure(client, { ...sides[side], calls, prefix, wrongEvery });
    if (side === 'ours') {
      taken += result.taken.length;
      for (const [answer, count] of Object.entries(result.answers))
        answers[answer] = (answers[answer] ?? 0) + count;
    }
    return result;
  };
  for (const side of ['bare', 'ours'] as const) await run(side, `warm-${side}-`, WARM_UP);
  for (let i = 0; i < Number(options.repeat); i++) {
    for (const side of ['bare', 'ours'] as const) {
      const { taken: times } = await run(side, `${side}-${i}-`, Number(options.calls));
      medians[side].push(at(times, 0.5));
      ends[side].push(at(times, 0.99));
    }
  }
  const stored = await countStored(databaseUrl, id);
  const unexplained = Object.keys(answers).filter((answer) => answer !== '202' && !answer.includes(' '));
  const report = {
    callsAtOnce: sides.ours.atOnce,
    medianMs: { ours: round(at(medians.ours, 0.5)), bare: round(at(medians.bare, 0.5)) },
    p99Ms: { ours: round(at(ends.ours, 0.5)), bare: round(at(ends.bare, 0.5)) },
    ratio: round(at(medians.bare, 0.5) / at(medians.ours, 0.5)),
    answers,
    storedOfTaken: `${stored} of ${taken}`,
  };
  console.log(options.json ? JSON.stringify(report) : report);
  if (stored !== taken || unexplained.length > 0) {
    console.error('Some calls were neither stored nor refused with a reason.');
    process.exitCode = 1;
  }
}

async function measure(client: ChildProcess, load: WebhookLoad): Promise<WebhookResult> {
  client.send(load);
  const [{ result, error }] = (await once(client, 'message')) as [{ result?: WebhookResult; error?: string }];
  if (!result) throw new Error(error);
  return result;
}

/** Webhooks that were taken and are there. */
async function countStored(databaseUrl: string, id: string): Promise<number> {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    const { rows } = await database.query(
      `SELECT count(*)::int AS count FROM received_webhooks WHERE integration_id = $1 AND status <> 'REFUSED'`,
      [id],
    );
    return rows[0].count as number;
  } finally {
    await database.end();
  }
}

/** A school of one student, and the secret that its webhooks are signed with. */
async function makeSchool({ url, token, home }: BenchService) {
  await mkdir(join(home, 'files', 'school'), { recursive: true });
  await writeFile(join(home, 'files', 'school', 'students.csv'), 'id,nombres\nS1,Ana\n');
  const post = async (path: string, body: object) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as { id: string; secret: string };
  };
  const config = { importPath: 'school' };
  const { id } = await post('/integrations', {
    institutionId: randomUUID(),
    provider: 'GENERIC_CSV',
    config,
  });
  const { secret } = await post(`/integrations/${id}/webhook-secrets`, {});
  return { id, secret };
}

function start(name: string, args: string[]): ChildProcess {
  return fork(fileURLToPath(new URL(`./webhooks/${name}.js`, import.meta.url)), args);
}

function at(list: readonly number[], share: number): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

await main(server);
