import { AsyncLocalStorage } from 'node:async_hooks';
import { expect } from 'chai';
import pg from 'pg';
import { MappingEntityType } from '../../src/index.js';
import { operations } from '../../src/observability/index.js';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { rest, startService } from '../support/service.js';
import { newSchool, sharedServices } from '../support/services.js';
import { until } from '../support/until.js';

const { STUDENT } = MappingEntityType;

/** Making it goes through a model, where the list is a statement of its own. */
const NEW = {
  institutionId: '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11',
  provider: 'GENERIC_CSV',
  config: { importPath: 'school' },
};

/** Ends all connections to a database but its own, as a restart does. */
async function endConnections(name: string): Promise<void> {
  const client = new pg.Client({ connectionString: testDatabaseUrl });
  await client.connect();
  await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  await client.end();
}

/** Whether what is done now belongs to a sync: to the call that asks for one, or to the job that does it. */
const ofSync = new AsyncLocalStorage<boolean>();

describe('a database that goes away', () => {
  let forget = () => {};
  before(() => {
    forget = operations.job.onWork(ofSync, ({ queue }) => queue === 'sync-runs');
  });
  after(() => forget());

  // The first two transactions put the run into the queue: without them there is none.
  for (const nth of [3, 5, 7])
    it(`in transaction ${nth} of a sync is told to the caller, and the run comes to its end by itself`, async function () {
      if (!testDatabaseUrl) return this.skip();
      // A process that is found dead by its silence, and a lease that nobody could give back, take half a minute.
      this.timeout(100_000);
      const { database, integrationService } = await sharedServices();
      const [row] = await database.query<{ name: string }>('SELECT current_database() AS name');
      const name = row?.name ?? '';
      const school = await newSchool({ 'students.csv': 'id,nombres\nS1,Ana\nS2,Eva\n' });
      const original = database.transaction.bind(database);
      let count = 0;
      database.transaction = (work) => {
        // Schedules and events have theirs, at moments of their own.
        if (ofSync.getStore()) count += 1;
        const isNow = ofSync.getStore() && count === nth;
        return original(async () => {
          if (isNow) await endConnections(name);
          return work();
        });
      };
      // One of somebody else.
      await database.transaction(async () => undefined);
      const sync = () =>
        ofSync.run(true, () =>
          integrationService
            .syncData(school.integrationId, STUDENT)
            .catch((error: { code?: string; message: string }) => error),
        );
      const end = await sync().finally(() => {
        database.transaction = original;
      });
      if (count >= nth && !('runId' in end)) expect(end.message).to.match(/^The database cannot be reached/);
      const statusOf = () =>
        integrationService.listSyncRuns(school.integrationId).then(
          ({ items }) => items[0]?.status ?? 'NONE',
          // Its own connection may be among those that are broken.
          ({ message }: Error) => message,
        );
      let status = 'NONE';
      await until(
        async () => {
          status = await statusOf();
          // The call was refused before there was a run.
          if (status === 'NONE') await sync();
          return ['COMPLETED', 'FAILED', 'CANCELED'].includes(status);
        },
        () => `the run is ${status}`,
      );
      expect(status).to.equal('COMPLETED');
    });

  it('for want of room on its disk leaves no run that nobody could take up, where leases do not run out', async function () {
    const { database, integrationService } = await sharedServices();
    if (!database.isExclusive) return this.skip();
    const { integrationId } = await newSchool({ 'students.csv': 'id,nombres\nS1,Ana\nS2,Eva\n' });
    await database.query('CREATE SEQUENCE full_disk');
    await database.query(
      `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         -- The plan is not written, and then the lease is not deleted.
         IF nextval('full_disk') <= 2 THEN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END IF;
         RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
       END $$`,
    );
    const on = (event: string, row: string) =>
      `CREATE TRIGGER full_disk BEFORE ${event} FOR EACH ROW WHEN (${row}.integration_id = '${integrationId}')
       EXECUTE FUNCTION full_disk()`;
    await database.query(on('UPDATE OF planned_changes ON sync_runs', 'NEW'));
    await database.query(on('DELETE ON leases', 'OLD'));
    try {
      const sync = () => integrationService.syncData(integrationId, STUDENT).catch((error: object) => error);
      expect(await sync()).to.include({ code: 'unavailable' });
      await until(async () => 'runId' in (await sync()));
      const { items } = await integrationService.listSyncRuns(integrationId);
      expect(items.map(({ status }) => status))
        .to.include('COMPLETED')
        .and.not.include('RUNNING');
    } finally {
      await database.query('DROP FUNCTION full_disk CASCADE');
      await database.query('DROP SEQUENCE full_disk');
    }
  });

  it('is `unavailable` for a call whose connection breaks, and the next call is served', async function () {
    if (!testDatabaseUrl) return this.skip();
    const databaseUrl = (await freshDatabaseUrl()) as string;
    const service = await startService({ env: { DATABASE_URL: databaseUrl } });
    const codes = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const calls = Array.from({ length: 10 }, (_, i) =>
        i % 2 ? rest(service.url, 'GET', '/integrations') : rest(service.url, 'POST', '/integrations', NEW),
      );
      await endConnections(new URL(databaseUrl).pathname.slice(1));
      for (const { status, body } of await Promise.all(calls)) codes.add(`${status} ${body.code ?? ''}`);
    }
    codes.delete('200 ');
    codes.delete('201 ');
    codes.delete('503 unavailable');
    expect([...codes]).to.deep.equal([]);
    expect((await rest(service.url, 'GET', '/integrations')).status).to.equal(200);
    expect(await service.stop()).to.equal(0);
  });
});
