import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';
import { loadConfig } from '../../src/config.js';
import { IntegrationProvider, MappingEntityType } from '../../src/index.js';
import { createLogger } from '../../src/observability/index.js';
import { buildServices, type Services } from '../../src/services.js';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { tempFolder } from '../support/temp-folder.js';

const { GROUP, STUDENT } = MappingEntityType;
const CHILD = join(dirname(fileURLToPath(import.meta.url)), '../support/sync-child.js');
const ROWS = 20_000;
/**
 * Each is written by the run at its own moment: whoever may not write there stops just before it, and just
 * after what came before.
 */
const TABLES = ['sync_staged', 'sync_changes', 'students', 'integration_mappings', 'memberships'];
const PLACES_BY_CHANCE = 34;

describe('a process that is killed in the middle of a sync', () => {
  if (!testDatabaseUrl) {
    it('needs TEST_DATABASE_URL: the embedded database dies with its process (skipped)', function () {
      this.skip();
    });
    return;
  }
  let services: Services;
  let databaseUrl: string;
  let dataDir: string;
  let whole: unknown;
  let fullMs: number;

  before(async () => {
    [databaseUrl, dataDir] = [(await freshDatabaseUrl()) as string, await tempFolder()];
    services = await buildServices({
      config: loadConfig({ DATA_DIR: dataDir, DATABASE_URL: databaseUrl }),
      logger: createLogger({ level: 'warn' }),
    });
    const folder = join(dataDir, 'files', 'school');
    await mkdir(folder, { recursive: true });
    const ids = Array.from({ length: ROWS }, (_, i) => i);
    const rows = ids.map((i) => `S${i},Ana ${i % 97},Soto ${i % 89},s${i}@colegio.example`);
    await writeFile(join(folder, 'students.csv'), `id,nombres,apellidos,correo\n${rows.join('\n')}\n`);
    await writeFile(join(folder, 'groups.csv'), 'id,nombre\nG0,1A\nG1,1B\n');
    await writeFile(
      join(folder, 'memberships.csv'),
      `grupo_id,persona_id\n${ids.map((i) => `G${i % 2},S${i}`).join('\n')}\n`,
    );
    const school = await newSchool();
    const start = performance.now();
    await services.integrationService.syncData(school.id, STUDENT);
    fullMs = performance.now() - start;
    whole = await stateOf(school);
  });
  after(() => services?.close());

  /** One more school that has the same files. */
  async function newSchool() {
    const institutionId = randomUUID();
    const { id } = await services.integrationService.createIntegration({
      institutionId,
      provider: IntegrationProvider.GENERIC_CSV,
      config: { importPath: 'school' },
    });
    await services.integrationService.syncData(id, GROUP);
    return { id, institutionId };
  }

  /** All that a sync leaves behind, without the ids that are made anew each time. */
  async function stateOf({ id, institutionId }: { id: string; institutionId: string }) {
    const [row] = await services.database.transaction(async () => {
      // The statistics know nothing of what has just come in.
      await services.database.query('SET LOCAL enable_nestloop = off');
      return services.database.query(
        `SELECT (SELECT md5(string_agg(concat_ws('|', m.external_id, m.missing_runs, m.digest IS NULL, t.given_name, t.family_name, t.email, t.active), E'\\n'
                 ORDER BY m.external_id))
               FROM integration_mappings m JOIN students t ON t.institution_id = $2 AND t.id = m.internal_id
               WHERE m.integration_id = $1 AND m.entity_type = 'STUDENT') AS people,
         (SELECT count(*)::int FROM students WHERE institution_id = $2) AS students,
         (SELECT count(*)::int FROM integration_mappings WHERE integration_id = $1) AS mappings,
         (SELECT count(*)::int FROM memberships WHERE institution_id = $2) AS memberships,
         (SELECT count(*)::int FROM sync_runs r JOIN sync_changes c ON c.integration_id = r.integration_id AND c.run_id = r.id
          WHERE r.integration_id = $1 AND r.applied_position IS NOT NULL AND c.entity = 'STUDENT') AS logged`,
        [id, institutionId],
      );
    });
    return row;
  }

  async function startChild(integrationId: string): Promise<ChildProcess> {
    const child = spawn(process.execPath, [CHILD, dataDir, databaseUrl, integrationId], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (child.stdout) await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    return child;
  }

  /** Waits until a query finds something while the process is at work. */
  async function until(child: ChildProcess, query: string, values: unknown[] = []): Promise<void> {
    while ((await services.database.query(query, values)).length === 0) {
      if (child.exitCode !== null)
        throw new Error(`The process ended with ${child.exitCode} before this was so: ${query}`);
      await sleep(2);
    }
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** What happens once the lease of the dead process is over, and somebody syncs again. */
  async function recover({ id, institutionId }: { id: string; institutionId: string }) {
    await services.database.execute(
      'UPDATE leases SET expires_at = clock_timestamp() WHERE integration_id = $1',
      [id],
    );
    const report = await services.integrationService
      .syncData(id, STUDENT)
      .catch(async (error: { code?: string }) => {
        // The service found the run by itself meanwhile, and is at it.
        if (error.code !== 'aborted') throw error;
        while (
          (await services.integrationService.listSyncRuns(id)).items.some(
            ({ status }) => status === 'RUNNING',
          )
        )
          await sleep(50);
        return services.integrationService.syncData(id, STUDENT);
      });
    expect(report).to.deep.include({ success: true, errorCount: 0 });
    const { read, created, updated, unchanged, failed } = report.counts;
    expect([read, created + updated + unchanged, failed]).to.deep.equal([ROWS, ROWS, 0]);
    expect(await stateOf({ id, institutionId })).to.deep.equal(whole);
    const [left] = await services.database.query(
      'SELECT count(*)::int AS staged FROM sync_staged WHERE integration_id = $1',
      [id],
    );
    expect(left).to.deep.equal({ staged: 0 });
  }

  for (const table of TABLES) {
    it(`just before it writes ${table}: one more sync, and all is as if nothing had been`, async () => {
      const school = await newSchool();
      const locker = new pg.Client({ connectionString: databaseUrl });
      await locker.connect();
      try {
        await locker.query(`BEGIN; LOCK TABLE ${table} IN SHARE MODE`);
        const child = await startChild(school.id);
        const waiting = `SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = '${table}' AND NOT l.granted
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
        await until(child, waiting);
        await kill(child);
      } finally {
        await locker.end();
      }
      await recover(school);
    });
  }

  it('after its last write, before it said that it was done: nothing is done again', async () => {
    const school = await newSchool();
    const locker = new pg.Client({ connectionString: databaseUrl });
    await locker.connect();
    try {
      const child = await startChild(school.id);
      // Memberships are planned last, in one transaction with all of the plan.
      await until(
        child,
        `SELECT 1 FROM sync_changes WHERE integration_id = $1 AND entity = 'MEMBERSHIP' LIMIT 1`,
        [school.id],
      );
      // From here on nothing is staged; what is, is put away at the very end.
      await locker.query('BEGIN; LOCK TABLE sync_staged IN SHARE MODE');
      const applied =
        'SELECT 1 FROM sync_runs WHERE integration_id = $1 AND entity_type = $2 AND applied_position IS NOT NULL';
      await until(child, applied, [school.id, STUDENT]);
      await kill(child);
    } finally {
      await locker.end();
    }
    await recover(school);
  });

  for (let place = 0; place < PLACES_BY_CHANCE; place++) {
    it(`at ${Math.round(((place + 0.5) * 100) / PLACES_BY_CHANCE)} % of its time: one more sync, and all is as if nothing had been`, async () => {
      const school = await newSchool();
      const child = await startChild(school.id);
      await sleep((fullMs * 1.2 * (place + Math.random())) / PLACES_BY_CHANCE);
      await kill(child);
      await recover(school);
    });
  }
});
