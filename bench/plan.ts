import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config.js';
import { IntegrationProvider, MappingEntityType } from '../src/connectors/index.js';
import type { Database } from '../src/database/index.js';
import { createLogger } from '../src/observability/index.js';
import { buildServices } from '../src/services.js';
import { writeSchool } from './plan/school-files.js';
import { forgetStatistics } from './plan/statistics.js';
import { withDatabase } from './with-database.js';

const { values: options } = parseArgs({
  options: {
    people: { type: 'string', default: '300,3000,30000' },
    repeat: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const { GROUP, STUDENT } = MappingEntityType;
/** A plan without statistics may take this many times as long as one with them. */
const MAX_RATIO = 3;
/** Times below this are noise. */
const FLOOR_MS = 50;

interface Row {
  database: 'PostgreSQL' | 'embedded';
  people: number;
  memberships: number;
  source: 'unchanged' | '1 % changed';
  /** Milliseconds of the plan, and of the write that follows. */
  planBefore: number;
  planAfter: number;
  applyBefore: number;
  applyAfter: number;
  ratio: number;
}

/**
 * npm run bench:plan -- --people 300,3000,30000 --repeat 3 [--json]: how long the plans of a school with
 * memberships take before the database has any statistics, and after ANALYZE. On TEST_DATABASE_URL, and on
 * the embedded database. Exits with 1 when a plan without statistics takes more than three times as long as
 * the same plan with them.
 */
async function main(): Promise<void> {
  const rows: Row[] = [];
  for (const people of options.people.split(',').map(Number)) {
    const server = process.env.TEST_DATABASE_URL;
    if (server) rows.push(...(await withDatabase(server, (url) => measure('PostgreSQL', people, url))));
    rows.push(...(await measure('embedded', people, undefined)));
  }
  if (options.json) console.log(JSON.stringify(rows));
  else console.table(rows);
  const slow = rows.filter(({ ratio }) => ratio > MAX_RATIO);
  if (slow.length > 0) {
    console.error(
      `${slow.length} of ${rows.length} plans take more than ${MAX_RATIO} times as long without statistics.`,
    );
    process.exitCode = 1;
  }
}

async function measure(
  name: Row['database'],
  people: number,
  databaseUrl: string | undefined,
): Promise<Row[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'smartid-bench-'));
  const config = loadConfig({ DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
  const logger = createLogger({ level: 'silent' });
  const folder = join(config.csvRoot, 'school');
  const memberships = await writeSchool(folder, people);
  try {
    const first = await buildServices({ config, logger });
    const { id } = await first.integrationService.createIntegration({
      institutionId: randomUUID(),
      provider: IntegrationProvider.GENERIC_CSV,
      config: { importPath: 'school' },
    });
    for (const type of [GROUP, STUDENT]) await first.integrationService.syncData(id, type);
    // Statistics that are being made now are there when it has closed.
    await first.close();
    const services = await buildServices({ config, logger });
    try {
      return await compare({ name, people, memberships }, services, async (changed) => {
        await writeSchool(folder, people, { changed });
        const { runId, success, errors } = await services.integrationService.syncData(id, STUDENT);
        if (!success) throw new Error(errors[0]);
        return (await services.integrationService.getSyncRun(id, runId)).timings;
      });
    } finally {
      await services.close();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

type Timings = { planMs: number; applyMs: number };

/** Syncs the school as it was, and changed, without statistics and then with them. */
async function compare(
  { name, people, memberships }: { name: Row['database']; people: number; memberships: number },
  { database }: { database: Database },
  sync: (changed: boolean) => Promise<Timings>,
): Promise<Row[]> {
  const both = async (prepare: (of: Database) => Promise<void>) => {
    const times = { unchanged: [] as Timings[], changed: [] as Timings[] };
    for (let i = 0; i < Number(options.repeat); i++) {
      await prepare(database);
      times.unchanged.push(await sync(false));
      await prepare(database);
      times.changed.push(await sync(true));
      await sync(false);
    }
    return times;
  };
  // A process that has just begun compiles its code first.
  await sync(false);
  const before = await both(forgetStatistics);
  const after = await both(analyze);
  return (['unchanged', 'changed'] as const).map((source) => {
    const [planBefore, planAfter] = [median(before[source], 'planMs'), median(after[source], 'planMs')];
    return {
      database: name,
      people,
      memberships,
      source: source === 'unchanged' ? 'unchanged' : '1 % changed',
      planBefore,
      planAfter,
      applyBefore: median(before[source], 'applyMs'),
      applyAfter: median(after[source], 'applyMs'),
      ratio: Math.round((Math.max(planBefore, FLOOR_MS) / Math.max(planAfter, FLOOR_MS)) * 100) / 100,
    };
  });
}

async function analyze(database: Database): Promise<void> {
  await database.execute('ANALYZE');
}

function median(times: readonly Timings[], of: keyof Timings): number {
  const sorted = times.map((one) => one[of]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

await main();
