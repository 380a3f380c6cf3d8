import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { createLogger } from '../../src/observability/index.js';
import { type ScheduleKey, ScheduleRunner, type ScheduleSettings } from '../../src/schedules/index.js';
import { startOf } from '../../src/schedules/times.js';
import type { SyncRun } from '../../src/sync/index.js';
import { testDatabaseUrl } from '../support/database.js';
import { gate } from '../support/gate.js';
import { sharedByProcesses } from '../support/process.js';
import { newSchool, sharedServices } from '../support/services.js';
import { until } from '../support/until.js';

const STUDENTS = 'id,nombres\n1,Ana\n2,Beto\n';
const NIGHTLY: ScheduleSettings = {
  cron: '30 2 * * *',
  timeZone: 'America/Santiago',
  jitterSeconds: 0,
  blackouts: [],
  pausedUntil: null,
};

const keyOf = (integrationId: string, kind: 'SYNC' | 'PREVIEW' = 'SYNC'): ScheduleKey => ({
  integrationId,
  entityType: 'STUDENT' as never,
  kind,
});

/** A runner of its own beside the one of the services. */
async function runner() {
  const { database, integrationService: integrations } = await sharedServices();
  return new ScheduleRunner({ database, integrations, logger: createLogger({ level: 'silent' }) });
}

/** Makes a schedule due, and has it started by several processes at once. */
async function pass({ integrationId, kind }: ScheduleKey, processes = 1) {
  const { database } = await sharedServices();
  await database.execute(
    `UPDATE sync_schedules SET next_at = now() - interval '3 days' WHERE integration_id = $1 AND kind = $2`,
    [integrationId, kind],
  );
  await Promise.all(Array.from({ length: processes }, async () => (await runner()).startDue()));
}

/** The runs that schedules of an integration started, once they have ended. */
async function runsOf(integrationId: string, count: number) {
  const { integrationService } = await sharedServices();
  let scheduled: SyncRun[] = [];
  await until(async () => {
    const { items } = await integrationService.listSyncRuns(integrationId);
    scheduled = items.filter(({ trigger }) => trigger === 'SCHEDULE');
    return scheduled.length === count && scheduled.every(({ finishedAt }) => finishedAt);
  });
  return scheduled;
}

async function refusal(settings: Partial<ScheduleSettings>) {
  const { scheduleService } = await sharedServices();
  const { integrationId } = await newSchool();
  return scheduleService.set(keyOf(integrationId), { ...NIGHTLY, ...settings }).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

describe('a schedule', () => {
  it('shows its next five times, and has no runs yet', async () => {
    const { scheduleService } = await sharedServices();
    const { integrationId } = await newSchool();
    const schedule = await scheduleService.set(keyOf(integrationId), NIGHTLY);
    expect(schedule.nextTimes).to.have.length(5);
    expect(schedule.nextTimes[0]).to.be.greaterThan(new Date());
    expect(schedule).to.deep.include({
      lastRuns: [],
      failuresInRow: 0,
      backsOffUntil: null,
      skippedAt: null,
    });
    expect(await scheduleService.list(integrationId)).to.deep.equal([schedule]);
  });

  it('starts one run for all the times that it missed, whoever looks, and is due again tomorrow', async () => {
    const { scheduleService } = await sharedServices();
    const { integrationId } = await newSchool({ 'students.csv': STUDENTS });
    const key = keyOf(integrationId);
    const { nextTimes } = await scheduleService.set(key, NIGHTLY);
    await pass(key, 5);
    const [run] = await runsOf(integrationId, 1);
    expect(run).to.deep.include({ status: 'COMPLETED', kind: 'SYNC', trigger: 'SCHEDULE' });
    const after = await scheduleService.get(key);
    expect(after.nextTimes).to.deep.equal(nextTimes);
    expect(after.lastRuns.map(({ id }) => id)).to.deep.equal([run?.id]);
  });

  it('is named by the audit as what started its run', async () => {
    const { auditService, scheduleService } = await sharedServices();
    const { institutionId, integrationId } = await newSchool({ 'students.csv': STUDENTS });
    const key = keyOf(integrationId);
    await scheduleService.set(key, NIGHTLY);
    await pass(key);
    const [run] = await runsOf(integrationId, 1);
    const { items } = await auditService.listEvents({ institutionId, runId: run?.id });
    expect(items.map(({ actor, action, after }) => [actor, action, after?.trigger])).to.deep.equal([
      ['schedule', 'sync_run.started', 'SCHEDULE'],
    ]);
  });

  it('starts nothing while its integration is INACTIVE, and says so', async () => {
    const { integrationService, scheduleService } = await sharedServices();
    const { integrationId } = await newSchool({ 'students.csv': STUDENTS });
    const key = keyOf(integrationId);
    await scheduleService.set(key, NIGHTLY);
    await integrationService.updateIntegration(integrationId, { status: 'INACTIVE' });
    await pass(key);
    expect((await scheduleService.get(key)).skippedBecause).to.contain('INACTIVE');
    await runsOf(integrationId, 0);
  });

  it('backs off after three failures in a row, until a sync succeeds', async () => {
    const { integrationService, scheduleService } = await sharedServices();
    const { integrationId, write } = await newSchool();
    const key = keyOf(integrationId);
    await scheduleService.set(key, { ...NIGHTLY, cron: '* * * * *' });
    for (let nth = 1; nth <= 3; nth++) {
      await pass(key);
      await runsOf(integrationId, nth);
    }
    const failing = await scheduleService.get(key);
    expect(failing.failuresInRow).to.equal(3);
    expect(failing.backsOffUntil).to.be.greaterThan(new Date(Date.now() + 50 * 60_000));
    expect(failing.nextTimes[0]).to.be.greaterThan(failing.backsOffUntil as Date);
    expect((await integrationService.getIntegration(integrationId)).status).to.equal('ERROR');
    await pass(key);
    await runsOf(integrationId, 3);
    expect((await scheduleService.get(key)).skippedBecause).to.contain('failed');
    await write({ 'students.csv': STUDENTS });
    await integrationService.syncData(integrationId, 'STUDENT' as never);
    expect(await scheduleService.get(key)).to.include({ failuresInRow: 0, backsOffUntil: null });
  });

  it('starts at the next time that it shows once a sync has succeeded, however long it backed off', async () => {
    const { scheduleService, database, integrationService } = await sharedServices();
    const { integrationId, write } = await newSchool();
    const key = keyOf(integrationId);
    await scheduleService.set(key, { ...NIGHTLY, cron: '* * * * *' });
    for (let nth = 1; nth <= 3; nth++) await integrationService.syncData(integrationId, 'STUDENT' as never);
    await pass(key);
    expect((await scheduleService.get(key)).backsOffUntil).to.be.an.instanceOf(Date);
    await write({ 'students.csv': STUDENTS });
    await integrationService.syncData(integrationId, 'STUDENT' as never);
    const { nextTimes, backsOffUntil } = await scheduleService.get(key);
    expect(backsOffUntil).to.equal(null);
    const [row] = await database.query<{ nextAt: Date }>(
      'SELECT next_at AS "nextAt" FROM sync_schedules WHERE integration_id = $1',
      [integrationId],
    );
    // A minute may have begun since.
    expect((nextTimes[0]?.getTime() ?? 0) - (row?.nextAt.getTime() ?? 0)).to.be.oneOf([0, 60_000]);
  });

  it('starts nothing in a blackout, neither for a time that it missed nor by its jitter', async () => {
    const { scheduleService, database, integrationService } = await sharedServices();
    const { integrationId } = await newSchool({ 'students.csv': STUDENTS });
    const key = keyOf(integrationId);
    const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
    const blackouts = [{ name: 'Fiestas Patrias', from: day(-1), to: day(1) }];
    await scheduleService.set(key, { ...NIGHTLY, blackouts });
    await pass(key);
    expect((await scheduleService.get(key)).skippedBecause).to.contain('Fiestas Patrias');
    expect((await integrationService.listSyncRuns(integrationId)).items).to.deep.equal([]);
    const [row] = await database.query<{ isAfter: boolean }>(
      `SELECT next_at > now() + interval '1 day' AS "isAfter" FROM sync_schedules WHERE integration_id = $1`,
      [integrationId],
    );
    expect(row?.isAfter).to.equal(true);
    const time = new Date('2026-09-17T23:50:00-03:00');
    const settings = {
      ...NIGHTLY,
      jitterSeconds: 3_600,
      blackouts: [{ name: 'Fiestas Patrias', from: '2026-09-18', to: '2026-09-19' }],
    };
    for (let nth = 0; nth < 100; nth++) {
      const start = startOf(time, settings).getTime() - time.getTime();
      expect(start).to.be.within(0, 10 * 60_000 - 1);
    }
  });

  it('that is set again as it is leaves no event in the audit', async () => {
    const { scheduleService, auditService } = await sharedServices();
    const { integrationId, institutionId } = await newSchool();
    for (let nth = 0; nth < 2; nth++) await scheduleService.set(keyOf(integrationId), NIGHTLY);
    const { items } = await auditService.listEvents({ institutionId, action: 'schedule.set' });
    expect(items).to.have.length(1);
  });

  it('that another process is starting is looked at a few times a second, not all the time', async function () {
    if (!testDatabaseUrl) return this.skip();
    const { scheduleService, database, integrationService: integrations } = await sharedServices();
    const { integrationId } = await newSchool();
    await scheduleService.set(keyOf(integrationId), NIGHTLY);
    const of = 'FROM sync_schedules WHERE integration_id = $1';
    await database.execute(
      `UPDATE sync_schedules SET next_at = clock_timestamp() + interval '300 milliseconds' WHERE integration_id = $1`,
      [integrationId],
    );
    const [locked, go] = [gate(), gate()];
    const starting = database.transaction(async () => {
      await database.query(`SELECT 1 ${of} FOR UPDATE`, [integrationId]);
      locked.open();
      await go.opened;
      await database.execute(`DELETE ${of}`, [integrationId]);
    });
    await locked.opened;
    let looks = 0;
    const transaction = <T>(work: () => Promise<T>) => {
      looks += 1;
      return database.transaction(work);
    };
    const logger = createLogger({ level: 'silent' });
    const begun = performance.now();
    const one = new ScheduleRunner({
      database: sharedByProcesses(database, { transaction }),
      integrations,
      logger,
    });
    one.start();
    await until(() => looks >= 6);
    const ms = performance.now() - begun;
    await one.stop();
    go.open();
    await starting;
    expect(ms).to.be.above(800);
  });

  it('goes with its integration', async () => {
    const { integrationService, scheduleService, database } = await sharedServices();
    const { integrationId } = await newSchool();
    await scheduleService.set(keyOf(integrationId), NIGHTLY);
    await integrationService.deleteIntegration(integrationId);
    const left = await database.query('SELECT 1 FROM sync_schedules WHERE integration_id = $1', [
      integrationId,
    ]);
    expect(left).to.deep.equal([]);
  });

  it('that cannot start its run keeps no other from starting', async () => {
    const { scheduleService, database } = await sharedServices();
    const broken = await newSchool();
    const good = await newSchool({ 'students.csv': STUDENTS });
    await scheduleService.set(keyOf(broken.integrationId), NIGHTLY);
    await scheduleService.set(keyOf(good.integrationId), NIGHTLY);
    await database.execute(
      `UPDATE sync_schedules SET entity_type = E'x', next_at = now() - interval '9 days' WHERE integration_id = $1`,
      [broken.integrationId],
    );
    await pass(keyOf(good.integrationId));
    await runsOf(good.integrationId, 1);
    const [row] = await database.query<{ isLater: boolean; why: string }>(
      `SELECT next_at > now() AS "isLater", skipped_because AS why FROM sync_schedules WHERE integration_id = $1`,
      [broken.integrationId],
    );
    expect(row?.isLater).to.equal(true);
    expect(row?.why).to.be.a('string');
  });

  it('whose zone this process does not know waits for one that does, keeps no other from starting, and is shown', async () => {
    const { scheduleService, database } = await sharedServices();
    const unknown = await newSchool();
    const good = await newSchool({ 'students.csv': STUDENTS });
    await scheduleService.set(keyOf(unknown.integrationId), NIGHTLY);
    await scheduleService.set(keyOf(good.integrationId), NIGHTLY);
    // As another process stored it whose list of zones is newer.
    await database.execute(
      `UPDATE sync_schedules SET time_zone = 'America/Nueva_Imperial', next_at = now() - interval '9 days'
       WHERE integration_id = $1`,
      [unknown.integrationId],
    );
    await pass(keyOf(good.integrationId));
    await runsOf(good.integrationId, 1);
    const shown = await scheduleService.get(keyOf(unknown.integrationId));
    expect(shown.nextTimes).to.deep.equal([]);
    expect(shown.skippedBecause).to.contain('America/Nueva_Imperial');
    expect(await scheduleService.list(unknown.integrationId)).to.have.length(1);
    const [row] = await database.query<{ isSoon: boolean }>(
      `SELECT next_at BETWEEN now() AND now() + interval '1 hour' AS "isSoon" FROM sync_schedules WHERE integration_id = $1`,
      [unknown.integrationId],
    );
    expect(row?.isSoon).to.equal(true);
    await scheduleService.delete(keyOf(unknown.integrationId));
  });

  it('loses no time to a lock that somebody holds: it starts when that is gone', async () => {
    const { scheduleService, database } = await sharedServices();
    const { integrationId } = await newSchool({ 'students.csv': STUDENTS });
    await scheduleService.set(keyOf(integrationId), NIGHTLY);
    const name = `locked_${integrationId.replaceAll('-', '')}`;
    await database.execute(`CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'canceling statement due to lock timeout' USING ERRCODE = '55P03'; END $$`);
    await database.execute(`CREATE TRIGGER ${name} BEFORE INSERT ON sync_runs FOR EACH ROW
      WHEN (NEW.integration_id = '${integrationId}') EXECUTE FUNCTION ${name}()`);
    try {
      await pass(keyOf(integrationId));
    } finally {
      await database.execute(`DROP FUNCTION ${name} CASCADE`);
    }
    const [row] = await database.query<{ isSoon: boolean; why: string | null }>(
      `SELECT next_at BETWEEN now() AND now() + interval '1 minute' AS "isSoon", skipped_because AS why
       FROM sync_schedules WHERE integration_id = $1`,
      [integrationId],
    );
    expect(row).to.deep.equal({ isSoon: true, why: null });
    await pass(keyOf(integrationId));
    await runsOf(integrationId, 1);
  });

  it('is refused with a sentence for each setting that is wrong', async () => {
    for (const jitterSeconds of [-1, 0.5, Number.NaN])
      expect(await refusal({ jitterSeconds })).to.contain('jitterSeconds');
    expect(await refusal({ cron: 'tomorrow' })).to.contain('five fields');
    expect(await refusal({ cron: '0 0 31 2 *' })).to.contain('comes true');
    expect(await refusal({ cron: '*/5 * * * * *' })).to.contain('five fields');
    expect(await refusal({ timeZone: 'Chile/Nowhere' })).to.contain('timeZone');
    expect(await refusal({ cron: '*/5 * * * *', jitterSeconds: 300 })).to.contain('less than 300');
    expect(await refusal({ blackouts: [{ name: 'x', from: '2026-02-30', to: '2026-03-01' }] })).to.contain(
      'blackouts[0]',
    );
    expect(await refusal({ blackouts: [{ name: 'x', from: '2026-03-02', to: '2026-03-01' }] })).to.contain(
      'before it begins',
    );
  });
});

describe('a schedule of previews', () => {
  it('tells how far the roster is from the school, and keeps no plans that nobody decided on', async () => {
    const { integrationService, scheduleService } = await sharedServices();
    const { integrationId, write } = await newSchool({ 'students.csv': STUDENTS });
    const key = keyOf(integrationId, 'PREVIEW');
    await scheduleService.set(key, NIGHTLY);
    await pass(key);
    await runsOf(integrationId, 1);
    await integrationService.syncData(integrationId, 'STUDENT' as never);
    await write({ 'students.csv': `${STUDENTS}3,Carla\n` });
    await pass(key);
    const runs = await runsOf(integrationId, 2);
    expect(runs.map(({ status }) => status)).to.deep.equal(['PREVIEWED', 'DISCARDED']);
    const drifts = await scheduleService.drift(integrationId);
    expect(drifts.map(({ entityType }) => entityType)).to.deep.equal(['STUDENT']);
    expect(drifts[0]?.checks.map(({ distance }) => distance)).to.deep.equal([1, 2]);
  });
});

describe('schedules of nothing', () => {
  it('are not found, nor set for an integration that is not there', async () => {
    const { scheduleService } = await sharedServices();
    const key = keyOf(randomUUID());
    for (const asked of [
      () => scheduleService.set(key, NIGHTLY),
      () => scheduleService.get(key),
      () => scheduleService.delete(key),
      () => scheduleService.list(key.integrationId),
    ]) {
      const error = await asked().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.have.property('code', 'not_found');
    }
  });
});
