import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { Cost, Measured } from './providers/our-side.js';

const { values: options } = parseArgs({
  options: {
    students: { type: 'string', default: '5000' },
    courses: { type: 'string', default: '40' },
    latency: { type: 'string', default: '20' },
    rows: { type: 'string', default: '1' },
    repeat: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});

/**
 * npm run bench:providers -- --students 5000 --courses 40 --latency 20 --rows 1 --repeat 3 [--json]: syncs of a
 * whole Moodle and the sending of one class, against the time that the answers alone take: the latency, and for
 * each person in a list what it takes Moodle, times `rows`. On TEST_DATABASE_URL, else embedded.
 */
async function main(): Promise<void> {
  const runs: Measured[] = [];
  for (let i = 0; i < Number(options.repeat); i++) runs.push(await withDatabase(runOnce));
  const sync = summary(runs.map((run) => run.sync));
  const everything = summary(runs.map((run) => run.everything));
  const again = summary(runs.map((run) => run.again));
  const attendance = summary(runs.map((run) => run.attendance));
  const types = Object.keys(runs[0]?.sync.each ?? {});
  const result = {
    ratios: {
      moodle: sync.ratio,
      moodleEverything: everything.ratio,
      moodleAgain: again.ratio,
      moodleAttendance: attendance.ratio,
    },
    calls: sync.calls,
    seconds: sync.seconds,
    floorSeconds: sync.floorSeconds,
    cpuSeconds: sync.cpuSeconds,
    secondsEach: Object.fromEntries(
      types.map((type) => [type, round(median(runs.map((run) => run.sync.each[type] ?? 0)))]),
    ),
    everything,
    again,
    attendance: { marks: runs[0]?.attendance.marks, ...attendance },
  };
  if (options.json) console.log(JSON.stringify(result));
  else
    print(result, {
      'type by type': sync,
      'everything at once': everything,
      'everything again': again,
      attendance,
    });
}

interface Summary {
  /** seconds / floorSeconds */
  ratio: number;
  calls: number;
  seconds: number;
  /**
   * Time that the calls would take if as many as may be were always under way, and nothing else took time.
   */
  floorSeconds: number;
  /** What our process worked meanwhile. */
  cpuSeconds: number;
}

/**
 * Medians. The floor is made of the calls that were made: fewer calls are a gain that the ratio does not
 * show.
 */
function summary(costs: readonly Cost[]): Summary {
  const calls = median(costs.map((cost) => cost.calls));
  const seconds = median(costs.map((cost) => cost.seconds));
  const floorSeconds = median(costs.map((cost) => cost.answerSeconds / cost.atOnce));
  return {
    ratio: round(seconds / floorSeconds),
    calls,
    seconds: round(seconds),
    floorSeconds: round(floorSeconds),
    cpuSeconds: round(median(costs.map((cost) => cost.cpuSeconds))),
  };
}

/** One repetition in processes of its own. */
function runOnce(folder: string, databaseUrl: string): Measured {
  const script = fileURLToPath(new URL('./providers/our-side.js', import.meta.url));
  const { students, courses, latency, rows } = options;
  const ofMoodle = [students, courses, latency, rows];
  const said = execFileSync(process.execPath, [script, folder, databaseUrl, ...ofMoodle], {
    encoding: 'utf8',
  });
  return JSON.parse(said.trim().split('\n').at(-1) as string) as Measured;
}

/** Hands out a data folder, and a database that is new; '' where there is no server, for the embedded one. */
async function withDatabase<T>(use: (folder: string, databaseUrl: string) => T): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'smartid-bench-'));
  const server = process.env.TEST_DATABASE_URL;
  const name = `bench_providers_${process.pid}`;
  const client = server ? new pg.Client({ connectionString: server }) : undefined;
  await client?.connect();
  try {
    await client?.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client?.query(`CREATE DATABASE ${name}`);
    return use(folder, server ? Object.assign(new URL(server), { pathname: `/${name}` }).href : '');
  } finally {
    await client?.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client?.end();
    await rm(folder, { recursive: true, force: true });
  }
}

function print(
  { secondsEach, attendance }: { secondsEach: object; attendance: { marks: number | undefined } },
  table: Record<string, Summary>,
): void {
  console.log(
    `\nOur time over the time of the answers alone (${options.latency} ms each, and rows × ${options.rows}; over calls at once), median:`,
  );
  console.table(table);
  console.log('Seconds of each sync:', JSON.stringify(secondsEach));
  console.log(`Marks sent: ${attendance.marks}.`);
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

await main();
