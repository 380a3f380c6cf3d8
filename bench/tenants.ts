import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { median, round, SCENARIOS, type Seconds } from './sync/scenarios.js';
import { writeStudents } from './sync/students-file.js';
import { addForeignMappings } from './tenants/foreign-mappings.js';
import { withDatabase } from './with-database.js';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000' },
    foreign: { type: 'string', default: '0,1000000,10000000' },
    repeat: { type: 'string', default: '3' },
    unanalyzed: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const server = process.env.TEST_DATABASE_URL;
if (!server) {
  console.error('TEST_DATABASE_URL must name a PostgreSQL on which databases may be made and dropped.');
  process.exit(1);
}

/** A database with mappings of others. */
interface Tenancy {
  foreign: number;
  url: string;
  seconds: Seconds;
}

/**
 * npm run bench:tenants -- --rows 10000 --foreign 0,1000000,10000000 --repeat 3 [--unanalyzed] [--json]: the
 * same syncs of one school, beside so many mappings of other institutions in the database.
 */
async function main(databaseServer: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'smartid-bench-'));
  try {
    const [plain, changed] = [join(folder, 'plain.csv'), join(folder, 'changed.csv')];
    await writeStudents(plain, Number(options.rows));
    await writeStudents(changed, Number(options.rows), { changed: true });
    const counts = options.foreign.split(',').map(Number);
    await withTenancies(databaseServer, folder, counts, async (tenancies) => {
      // In turn, so that what else the machine does meets all of them.
      for (let i = 0; i < Number(options.repeat); i++) {
        for (const tenancy of tenancies) await sync(tenancy, folder, [plain, plain, changed]);
      }
      print(tenancies);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Databases with so many mappings of others each, all there at the same time. */
async function withTenancies(
  databaseServer: string,
  folder: string,
  [foreign, ...others]: readonly number[],
  use: (tenancies: Tenancy[]) => Promise<void>,
): Promise<void> {
  if (foreign === undefined) return use([]);
  await withDatabase(
    databaseServer,
    async (url) => {
      const seconds: Seconds = { first: [], unchanged: [], onePercent: [] };
      const analyze = !options.unanalyzed;
      await addForeignMappings(url, join(folder, randomUUID()), { count: foreign, analyze });
      await withTenancies(databaseServer, folder, others, (tenancies) =>
        use([{ foreign, url, seconds }, ...tenancies]),
      );
    },
    `_${foreign}`,
  );
}

/** Syncs these files one after the other, in a process and for an institution of their own. */
async function sync({ url, seconds }: Tenancy, folder: string, files: readonly string[]): Promise<void> {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'sync/our-side.js');
  const { stdout } = await promisify(execFile)(process.execPath, [
    script,
    join(folder, randomUUID()),
    url,
    randomUUID(),
    ...files,
  ]);
  const run = JSON.parse(stdout.trim().split('\n').at(-1) as string) as { seconds: number[] };
  SCENARIOS.forEach((name, index) => {
    seconds[name].push(run.seconds[index] as number);
  });
}

function print(tenancies: readonly Tenancy[]): void {
  const [alone] = tenancies;
  if (!alone) return;
  const each = (pick: (tenancy: Tenancy, name: (typeof SCENARIOS)[number]) => number) =>
    Object.fromEntries(
      tenancies.map((tenancy) => [
        tenancy.foreign,
        Object.fromEntries(SCENARIOS.map((name) => [name, round(pick(tenancy, name))])),
      ]),
    );
  const ratios = each(({ seconds }, name) => median(seconds[name]) / median(alone.seconds[name]));
  const seconds = each((tenancy, name) => median(tenancy.seconds[name]));
  if (options.json) {
    console.log(JSON.stringify({ rows: Number(options.rows), ratios, seconds }));
    return;
  }
  console.log(
    `\nTime of a sync of ${options.rows} rows by mappings of others, over that of the first, median:`,
  );
  console.table(ratios);
  console.log('Seconds:', JSON.stringify(seconds));
}

await main(server);
