import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { preparePsql, runPsql } from './sync/psql-side.js';
import { median, round, SCENARIOS, type Seconds } from './sync/scenarios.js';
import { writeStudents } from './sync/students-file.js';
import { withDatabase } from './with-database.js';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000,100000' },
    repeat: { type: 'string', default: '3' },
    naive: { type: 'boolean', default: false },
    'naive-rows': { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
});
const server = process.env.TEST_DATABASE_URL;
if (!server) {
  console.error('TEST_DATABASE_URL must name a PostgreSQL on which a database may be made and dropped.');
  process.exit(1);
}

/** What a comparison of so many rows comes to. */
interface Comparison {
  ours: Seconds;
  theirs: Seconds;
  /** Sequelize with `bulkCreate`, and row by row: a few rows, taken that many times. */
  naive: { bulk: Seconds; rowByRow: Seconds } | undefined;
  rssMb: number[];
}

/**
 * npm run bench:sync -- --rows 10000,100000 --repeat 3 [--naive] [--naive-rows 1000] [--json]: our sync against
 * psql, side by side in one run; with `--naive`, what one would write first with Sequelize too.
 */
async function main(databaseServer: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'smartid-bench-'));
  const result = {
    ratios: {} as Record<string, object>,
    rssMb: {} as Record<string, number>,
    seconds: {} as Record<string, object>,
    rowsPerSecond: {} as Record<string, object>,
    naiveRatios: {} as Record<string, object>,
  };
  try {
    for (const rows of options.rows.split(',').map(Number)) {
      const { ours, theirs, naive, rssMb } = await compare(databaseServer, folder, rows);
      const each = (pick: (scenario: (typeof SCENARIOS)[number]) => number) =>
        Object.fromEntries(SCENARIOS.map((name) => [name, round(pick(name))]));
      const over = (seconds: Seconds) => each((name) => median(seconds[name]) / median(theirs[name]));
      result.ratios[rows] = over(ours);
      result.rssMb[rows] = Math.round(median(rssMb));
      result.seconds[rows] = {
        ours: each((name) => median(ours[name])),
        psql: each((name) => median(theirs[name])),
      };
      result.rowsPerSecond[rows] = Object.fromEntries(
        SCENARIOS.map((name) => [name, Math.round(rows / median(ours[name]))]),
      );
      if (!naive) continue;
      result.naiveRatios[`${rows}, bulkCreate`] = over(naive.bulk);
      result.naiveRatios[`${rows}, row by row (from ${naiveRows(rows)})`] = over(naive.rowByRow);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (options.json) console.log(JSON.stringify(result));
  else print(result);
}

/** How many rows are written one by one. */
function naiveRows(rows: number): number {
  return Math.min(rows, Number(options['naive-rows']));
}

/** The sides in turn, on a database that is new for each repetition. */
async function compare(databaseServer: string, folder: string, rows: number): Promise<Comparison> {
  const [plain, changed] = [join(folder, 'plain.csv'), join(folder, 'changed.csv')];
  await writeStudents(plain, rows);
  await writeStudents(changed, rows, { changed: true });
  const files = [plain, plain, changed];
  const none = (): Seconds => ({ first: [], unchanged: [], onePercent: [] });
  const [ours, theirs, bulk, rowByRow] = [none(), none(), none(), none()];
  const rssMb: number[] = [];
  for (let i = 0; i < Number(options.repeat); i++) {
    await withDatabase(databaseServer, async (databaseUrl) => {
      preparePsql(databaseUrl);
      add(
        theirs,
        files.map((file) => runPsql(databaseUrl, file)),
      );
    });
    await withDatabase(databaseServer, async (databaseUrl) => {
      const run = runSide('our-side', [join(folder, randomUUID()), databaseUrl, randomUUID(), ...files]);
      add(ours, run.seconds);
      rssMb.push(run.rssMb);
    });
    if (!options.naive) continue;
    await withDatabase(databaseServer, async (databaseUrl) => {
      const few = naiveRows(rows);
      add(bulk, runSide('sequelize-side', ['bulk', databaseUrl, String(rows), ...files]).seconds);
      const { seconds } = runSide('sequelize-side', ['rows', databaseUrl, String(few), ...files]);
      add(
        rowByRow,
        seconds.map((one) => (one * rows) / few),
      );
    });
  }
  return { ours, theirs, naive: options.naive ? { bulk, rowByRow } : undefined, rssMb };
}

function add(seconds: Seconds, run: readonly number[]): void {
  SCENARIOS.forEach((name, index) => {
    seconds[name].push(run[index] as number);
  });
}

/** Runs one of the sides in a process of its own, and returns what it says. */
function runSide(script: string, values: readonly string[]): { seconds: number[]; rssMb: number } {
  const path = join(dirname(fileURLToPath(import.meta.url)), `sync/${script}.js`);
  const said = execFileSync(process.execPath, [path, ...values], { encoding: 'utf8' });
  return JSON.parse(said.trim().split('\n').at(-1) as string);
}

function print(result: {
  ratios: object;
  rssMb: object;
  seconds: object;
  rowsPerSecond: object;
  naiveRatios: object;
}): void {
  console.log('\nOur time over psql (\\copy and one merge by join), median:');
  console.table(result.ratios);
  if (options.naive) {
    console.log('Time of Sequelize over psql; row by row, a few rows were taken so many times:');
    console.table(result.naiveRatios);
  }
  console.log('Rows a second, ours:');
  console.table(result.rowsPerSecond);
  console.log('Seconds:', JSON.stringify(result.seconds));
  console.log('Peak memory of our process, MB:', JSON.stringify(result.rssMb));
}

await main(server);
