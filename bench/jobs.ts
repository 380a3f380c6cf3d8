import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import { Database, Leases } from '../src/database/index.js';
import { MappingEntityType } from '../src/index.js';
import { createLogger } from '../src/observability/index.js';
import type { Services } from '../src/services.js';
import { SyncService, syncPolicy } from '../src/sync/index.js';
import { studentsOf } from './jobs/memory-school.js';
import { servicesOn } from './jobs/services.js';
import { withDatabase } from './with-database.js';

const { STUDENT } = MappingEntityType;
const { values: options } = parseArgs({
  options: {
    integrations: { type: 'string', default: '200' },
    rows: { type: 'string', default: '500' },
    processes: { type: 'string', default: '1,2,4' },
    workers: { type: 'string', default: '2' },
    starts: { type: 'string', default: '50' },
    json: { type: 'boolean', default: false },
  },
});
const count = Number(options.integrations);
const rows = Number(options.rows);
const workers = Number(options.workers);
const server = process.env.TEST_DATABASE_URL;
if (!server) {
  console.error('TEST_DATABASE_URL must name a PostgreSQL on which a database may be made and dropped.');
  process.exit(1);
}

/**
 * npm run bench:jobs -- --integrations 200 --rows 500 --processes 1,2,4 [--json]: first syncs of many schools
 * as jobs of so many processes, against the pipeline called directly in one, with as many at once as one
 * process has workers; and how long a run waits for its begin where nothing else does.
 */
async function main(databaseServer: string): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'smartid-bench-'));
  try {
    const result = await withDatabase(databaseServer, async (url) => {
      const services = await servicesOn(url, dataDir, 0);
      try {
        const direct = await measureDirect(services, url);
        const jobs: Record<string, number> = {};
        for (const processes of options.processes.split(','))
          jobs[processes] = await measureJobs(services, url, dataDir, Number(processes));
        return { direct, jobs, start: await measureStarts(services, url, dataDir) };
      } finally {
        await services.close();
      }
    });
    print(result);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

interface School {
  id: string;
  institutionId: string;
}

async function newSchools({ integrationService }: Services, many: number): Promise<School[]> {
  const schools: School[] = [];
  for (let n = 0; n < many; n++) {
    const institutionId = randomUUID();
    const { id } = await integrationService.createIntegration({
      institutionId,
      provider: 'MEMORY',
      config: { rows },
    });
    schools.push({ id, institutionId });
  }
  return schools;
}

/** Runs a second of the pipeline without a queue. */
async function measureDirect(services: Services, url: string): Promise<number> {
  const schools = await newSchools(services, count);
  const logger = createLogger({ level: 'silent' });
  const database = new Database({ connection: url, poolSize: 20, embedded: false, logger });
  const syncs = new SyncService({
    database,
    logger,
    leases: new Leases({ database, logger, ttlSeconds: 15 }),
    workOf: async () => ({
      entityTypes: [STUDENT],
      policy: syncPolicy.parse({}),
      open: (_signal, use) => use(async () => ({ entities: studentsOf(rows) })),
    }),
  });
  const limit = pLimit(workers);
  const begun = performance.now();
  await Promise.all(
    schools.map(({ id: integrationId, institutionId }) =>
      limit(() => syncs.sync({ integrationId, institutionId, entityType: STUDENT })),
    ),
  );
  const perSecond = count / ((performance.now() - begun) / 1_000);
  await database.close();
  return perSecond;
}

async function startWorkers(url: string, dataDir: string, processes: number): Promise<ChildProcess[]> {
  const script = fileURLToPath(new URL('./jobs/worker.js', import.meta.url));
  const children = Array.from({ length: processes }, () => fork(script, [url, dataDir, String(workers)]));
  await Promise.all(children.map((child) => once(child, 'message')));
  return children;
}

async function stopWorkers(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      const gone = once(child, 'exit');
      child.send('stop');
      await gone;
    }),
  );
}

/** Runs a second as jobs of so many processes, from the first that is begun to the last that has ended. */
async function measureJobs(
  services: Services,
  url: string,
  dataDir: string,
  processes: number,
): Promise<number> {
  const schools = await newSchools(services, count);
  // They wait until all is there; then the processes come.
  for (const { id } of schools) await services.integrationService.startSync(id, STUDENT);
  const children = await startWorkers(url, dataDir, processes);
  const ids = schools.map(({ id }) => id);
  while (true) {
    const [row] = await services.database.query<{ left: number; failed: number; seconds: number }>(
      `SELECT count(*) FILTER (WHERE status IN ('QUEUED', 'RUNNING'))::int AS left,
         count(*) FILTER (WHERE status NOT IN ('QUEUED', 'RUNNING', 'COMPLETED'))::int AS failed,
         EXTRACT(epoch FROM max(finished_at) - min(started_at))::float8 AS seconds
       FROM sync_runs WHERE integration_id = ANY($1::uuid[])`,
      [ids],
    );
    if (row?.failed) throw new Error(`${row.failed} runs failed`);
    if (row?.left === 0) {
      await stopWorkers(children);
      return count / row.seconds;
    }
    await sleep(100);
  }
}

/** Milliseconds that runs wait for their begin in another process that has nothing to do: median and 95 %. */
async function measureStarts(services: Services, url: string, dataDir: string) {
  const children = await startWorkers(url, dataDir, 1);
  const schools = await newSchools(services, Number(options.starts));
  const waits: number[] = [];
  for (const { id } of schools) {
    const run = await services.integrationService.startSync(id, STUDENT);
    for await (const _ of services.integrationService.watchSync(id, run.id));
    const [row] = await services.database.query<{ ms: number }>(
      `SELECT EXTRACT(epoch FROM started_at - queued_at)::float8 * 1000 AS ms FROM sync_runs
       WHERE integration_id = $1 AND id = $2`,
      [id, run.id],
    );
    waits.push(row?.ms ?? Number.NaN);
  }
  await stopWorkers(children);
  waits.sort((a, b) => a - b);
  const at = (share: number) => waits[Math.floor(share * (waits.length - 1))] as number;
  return { median: at(0.5), p95: at(0.95) };
}

function print(result: {
  direct: number;
  jobs: Record<string, number>;
  start: { median: number; p95: number };
}) {
  if (options.json) {
    console.log(JSON.stringify({ integrations: count, rows, workers, ...result }));
    return;
  }
  console.log(`${count} schools of ${rows} students, ${workers} syncs at once in each process`);
  console.log(`directly      ${result.direct.toFixed(1)} runs/s`);
  for (const [processes, perSecond] of Object.entries(result.jobs)) {
    const ratio = (perSecond / result.direct).toFixed(2);
    console.log(`${processes} as jobs     ${perSecond.toFixed(1)} runs/s   ${ratio} of directly`);
  }
  console.log(
    `begin after   ${result.start.median.toFixed(0)} ms, 95 % after ${result.start.p95.toFixed(0)} ms`,
  );
}

await main(server);
