import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { preparePsql, runPsql } from './sync/psql-side.js';
import { writeStudents } from './sync/students-file.js';

const SCENARIOS = ['first', 'unchanged', 'onePercent'] as const;
type Seconds = Record<(typeof SCENARIOS)[number], number[]>;

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000,100000' },
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
 * npm run bench:sync -- --rows 10000,100000 --repeat 3 [--json]: our sync against psql, side by side in one
 * run.
 */
async function main(databaseServer: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'smartid-bench-'));
  const result = {
    ratios: {} as Record<string, object>,
    rssMb: {} as Record<string, number>,
    seconds: {} as Record<string, object>,
    rowsPerSecond: {} as Record<string, object>,
  };
  try {
    for (const rows of options.rows.split(',').map(Number)) {
      const { ours, theirs, rssMb } = await compare(databaseServer, folder, rows);
      const each = (pick: (scenario: (typeof SCENARIOS)[number]) => number) =>
        Object.fromEntries(SCENARIOS.map((name) => [name, round(pick(name))]));
      result.ratios[rows] = each((name) => median(ours[name]) / median(theirs[name]));
      result.rssMb[rows] = Math.round(median(rssMb));
      result.seconds[rows] = {
        ours: each((name) => median(ours[name])),
        psql: each((name) => median(theirs[name])),
      };
      result.rowsPerSecond[rows] = Object.fromEntries(
        SCENARIOS.map((name) => [name, Math.round(rows / median(ours[name]))]),
      );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (options.json) console.log(JSON.stringify(result));
  else print(result);
}

/** Both sides in turn, on a database that is new for each repetition. */
async function compare(databaseServer: string, folder: string, rows: number) {
  const [plain, changed] = [join(folder, 'plain.csv'), join(folder, 'changed.csv')];
  await writeStudents(plain, rows);
  await writeStudents(changed, rows, { changed: true });
  const ours: Seconds = { first: [], unchanged: [], onePercent: [] };
  const theirs: Seconds = { first: [], unchanged: [], onePercent: [] };
  const rssMb: number[] = [];
  for (let i = 0; i < Number(options.repeat); i++) {
    await withDatabase(databaseServer, async (databaseUrl) => {
      preparePsql(databaseUrl);
      const files = [plain, plain, changed];
      SCENARIOS.forEach((name, index) => {
        theirs[name].push(runPsql(databaseUrl, files[index] as string));
      });
    });
    await withDatabase(databaseServer, async (databaseUrl) => {
      const script = join(dirname(fileURLToPath(import.meta.url)), 'sync/our-side.js');
      const said = execFileSync(
        process.execPath,
        [script, join(folder, randomUUID()), databaseUrl, randomUUID(), plain, plain, changed],
        { encoding: 'utf8' },
      );
      const run = JSON.parse(said.trim().split('\n').at(-1) as string) as {
        seconds: number[];
        rssMb: number;
      };
      SCENARIOS.forEach((name, index) => {
        ours[name].push(run.seconds[index] as number);
      });
      rssMb.push(run.rssMb);
    });
  }
  return { ours, theirs, rssMb };
}

async function withDatabase(databaseServer: string, use: (url: string) => Promise<void>): Promise<void> {
  const name = `bench_sync_${process.pid}`;
  const client = new pg.Client({ connectionString: databaseServer });
  await client.connect();
  try {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${name}`);
    const url = new URL(databaseServer);
    url.pathname = `/${name}`;
    await use(url.href);
  } finally {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.end();
  }
}

function print({
  ratios,
  rssMb,
  seconds,
  rowsPerSecond,
}: {
  ratios: object;
  rssMb: object;
  seconds: object;
  rowsPerSecond: object;
}): void {
  console.log('\nOur time over psql (\\copy and one merge by join), median:');
  console.table(ratios);
  console.log('Rows a second, ours:');
  console.table(rowsPerSecond);
  console.log('Seconds:', JSON.stringify(seconds));
  console.log('Peak memory of our process, MB:', JSON.stringify(rssMb));
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

await main(server);
