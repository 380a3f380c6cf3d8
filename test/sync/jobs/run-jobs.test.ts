import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../../../src/index.js';
import { createLogger } from '../../../src/observability/index.js';
import type { Services } from '../../../src/services.js';
import { RunStore } from '../../../src/sync/runs/run-store.js';
import { RunWatch } from '../../../src/sync/runs/run-watch.js';
import { gate } from '../../support/gate.js';
import {
  GatedSchools,
  gatedIntegration,
  newPlace,
  type Place,
  type Reading,
  servicesAt,
} from '../../support/gated-school.js';
import { refuseWrites } from '../../support/refuse-writes.js';
import { until } from '../../support/until.js';

const { STUDENT } = MappingEntityType;
const ANA = { externalId: '1', givenName: 'Ana' };
const EVA = { externalId: '2', givenName: 'Eva' };

/** Heeds nothing: neither its signal nor anybody who waits. */
const stuck: Reading = async function* () {
  yield [ANA];
  await new Promise(() => {});
};

describe('runs as jobs', () => {
  const schools = new GatedSchools();
  let place: Place;
  let services: Services;

  before(async () => {
    place = await newPlace();
    services = await servicesAt(place, schools);
  });
  after(() => services.close());

  const newSchool = (
    reading: Reading,
    options: { institutionId?: string; host?: string; provider?: string } = {},
  ) => gatedIntegration(services, schools, reading, options);
  const statusOf = async (id: string, runId: string) =>
    (await services.integrationService.getSyncRun(id, runId)).status;
  const ended = (id: string, runId: string) =>
    until(async () => !['QUEUED', 'RUNNING'].includes(await statusOf(id, runId)));
  const left = async (id: string) => {
    const [row] = await services.database.query(
      `SELECT (SELECT count(*)::int FROM sync_staged WHERE integration_id = $1) AS staged,
         (SELECT count(*)::int FROM sync_changes WHERE integration_id = $1) AS changes,
         (SELECT count(*)::int FROM integration_mappings WHERE integration_id = $1) AS mappings,
         (SELECT count(*)::int FROM leases WHERE integration_id = $1) AS leases`,
      [id],
    );
    return row;
  };
  const NOTHING = { staged: 0, changes: 0, mappings: 0, leases: 0 };

  it('answers at once with a run that is queued, which then comes to its end by itself', async () => {
    const { integrationService } = services;
    const go = gate();
    const { id } = await newSchool(async function* () {
      await go.opened;
      yield [ANA];
    });
    const run = await integrationService.startSync(id, STUDENT);
    expect(run).to.deep.include({ status: 'QUEUED', kind: 'SYNC', entityType: STUDENT, finishedAt: null });
    expect(run.queuedAt).to.be.instanceOf(Date);
    await until(async () => (await statusOf(id, run.id)) === 'RUNNING');
    go.open();
    await ended(id, run.id);
    const done = await integrationService.getSyncRun(id, run.id);
    expect(done).to.deep.include({ status: 'COMPLETED', attempt: 1, failures: [] });
    expect(done.counts.created).to.equal(1);
    expect((await integrationService.getIntegration(id)).lastSyncAt).to.be.instanceOf(Date);
  });

  it('can be previews, which write nothing', async () => {
    const { integrationService } = services;
    const { id } = await newSchool(async function* () {
      yield [ANA];
    });
    const run = await integrationService.startSync(id, 'ALL', { kind: 'PREVIEW' });
    await ended(id, run.id);
    expect(await statusOf(id, run.id)).to.equal('PREVIEWED');
    expect(await left(id)).to.include({ mappings: 0 });
  });

  it('are one where the same is asked for twice while it waits; what differs is told which one waits', async () => {
    const { integrationService } = services;
    const go = gate();
    const { id } = await newSchool(async function* () {
      await go.opened;
      yield [ANA];
    });
    const first = await integrationService.startSync(id, STUDENT);
    await until(async () => (await statusOf(id, first.id)) === 'RUNNING');
    const second = await integrationService.startSync(id, STUDENT);
    const third = await integrationService.startSync(id, STUDENT);
    expect(second.id).to.not.equal(first.id);
    expect(third.id).to.equal(second.id);
    const preview = integrationService.startSync(id, STUDENT, { kind: 'PREVIEW' });
    const error = await preview.catch((thrown: unknown) => thrown);
    expect(error).to.deep.include({ code: 'aborted', reason: 'SYNC_ALREADY_RUNNING' });
    expect((error as { metadata: object }).metadata).to.include({ runId: second.id });
    go.open();
    await ended(id, second.id);
    expect(await statusOf(id, first.id)).to.equal('COMPLETED');
  });

  it('go on when their caller leaves, who is told which run it was', async () => {
    const { integrationService } = services;
    const [begun, go] = [gate(), gate()];
    const { id } = await newSchool(async function* () {
      begun.open();
      await go.opened;
      yield [ANA];
    });
    const caller = new AbortController();
    const call = integrationService.syncData(id, STUDENT, { signal: caller.signal });
    const answer = call.catch((thrown: unknown) => thrown);
    await begun.opened;
    caller.abort();
    const error = (await answer) as { metadata: { runId: string } };
    expect(error).to.deep.include({ code: 'deadline_exceeded', reason: 'SYNC_GOES_ON' });
    go.open();
    await ended(id, error.metadata.runId);
    expect(await statusOf(id, error.metadata.runId)).to.equal('COMPLETED');
  });

  for (const [title, times, status] of [
    ['are taken up again', 1, 'COMPLETED'],
    ['fail at the third time', 3, 'FAILED'],
  ] as const) {
    it(`${title} where others are in their way for longer than a statement may wait`, async () => {
      const { integrationService } = services;
      const { id } = await newSchool(async function* () {
        yield [ANA];
      });
      const free = await refuseWrites(services.database, {
        times,
        code: '55P03',
        when: `UPDATE OF planned_changes ON sync_runs FOR EACH ROW WHEN (NEW.integration_id = '${id}')`,
      });
      try {
        const run = await integrationService.startSync(id, STUDENT);
        await ended(id, run.id);
        const done = await integrationService.getSyncRun(id, run.id);
        expect(done.status).to.equal(status);
        expect(done.failures).to.have.length(times);
        for (const { reason } of done.failures) expect(reason).to.match(/^Others are at work/);
      } finally {
        await free();
      }
    });
  }

  describe('that are canceled', () => {
    it('end at once while they wait, and are never begun', async () => {
      const { integrationService } = services;
      const institutionId = randomUUID();
      const go = gate();
      const wait: Reading = async function* () {
        await go.opened;
        yield [ANA];
      };
      // As many as one institution may have under way.
      const busy = await Promise.all([1, 2].map(() => newSchool(wait, { institutionId })));
      const runs = await Promise.all(busy.map(({ id }) => integrationService.startSync(id, STUDENT)));
      await until(async () => {
        const states = await Promise.all(busy.map(({ id }, at) => statusOf(id, runs[at]?.id as string)));
        return states.every((status) => status === 'RUNNING');
      });
      const { id, school } = await newSchool(wait, { institutionId });
      const run = await integrationService.startSync(id, STUDENT);
      const canceled = await integrationService.cancelSync(id, run.id, 'wrong school');
      expect(canceled).to.deep.include({ status: 'CANCELED', decision: 'wrong school' });
      expect(canceled.finishedAt).to.be.instanceOf(Date);
      go.open();
      for (const [at, { id: other }] of busy.entries()) await ended(other, runs[at]?.id as string);
      const again = await integrationService.startSync(id, STUDENT);
      await ended(id, again.id);
      expect(schools.begun.filter((name) => name === school)).to.have.length(1);
    });

    for (const [title, reading] of Object.entries<Reading>({
      'at their next page': async function* (signal) {
        for (let n = 1; !signal.aborted; n++) {
          yield [{ externalId: String(n), givenName: `Ana ${n}` }];
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        throw signal.reason;
      },
      'although their school does not answer': async function* (signal) {
        yield [ANA];
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      'although their connector heeds no signal': stuck,
    })) {
      it(`stop within two seconds ${title}, and leave nothing`, async () => {
        const { integrationService } = services;
        const { id, school } = await newSchool(reading);
        const call = integrationService.syncData(id, STUDENT);
        await until(() => schools.begun.includes(school));
        const [running] = (await integrationService.listSyncRuns(id)).items;
        const asked = performance.now();
        const canceled = await integrationService.cancelSync(id, running?.id as string, 'too slow');
        expect(performance.now() - asked).to.be.below(2_500);
        expect(canceled).to.deep.include({ status: 'CANCELED', decision: 'too slow' });
        const report = await call;
        expect(report).to.deep.include({ success: false, status: 'CANCELED', synced: 0 });
        expect(await left(id)).to.deep.equal(NOTHING);
        expect(await integrationService.getIntegration(id)).to.deep.include({
          status: 'ACTIVE',
          lastError: null,
        });
      });
    }

    it('stop also when another process asks for it at the moment at which they begin', async () => {
      const { database, integrationService } = services;
      const { id } = await newSchool(stuck);
      const original = database.transaction;
      database.transaction = (async (work: () => Promise<unknown>) => {
        const result = await original.call(database, work);
        // The run has begun, and whoever works on it does not know yet.
        const runId = (result as { held?: { run: { id: string } } } | undefined)?.held?.run.id;
        if (runId)
          await database.query('UPDATE sync_runs SET cancel_requested_at = now() WHERE id = $1', [runId]);
        return result;
      }) as typeof database.transaction;
      try {
        const run = await integrationService.startSync(id, STUDENT);
        await ended(id, run.id);
        expect(await statusOf(id, run.id)).to.equal('CANCELED');
      } finally {
        database.transaction = original;
      }
    });

    it('stop with the part that is read, keep those that were done, and say which', async () => {
      const { integrationService } = services;
      const { id, school } = await newSchool(stuck, { provider: 'GATED_WITH_COURSE' });
      const run = await integrationService.startSync(id, 'ALL');
      await until(() => schools.begun.includes(school));
      const canceled = await integrationService.cancelSync(id, run.id);
      expect(canceled).to.deep.include({
        status: 'CANCELED',
        error: 'The run was canceled. What was done before stays: COURSE.',
      });
      expect(canceled.counts).to.include({ read: 1, created: 1 });
      const { items } = await integrationService.listSyncRuns(id);
      expect(items.map(({ entityType, status }) => `${entityType} ${status}`).sort()).to.deep.equal([
        'ALL CANCELED',
        'COURSE COMPLETED',
        'STUDENT CANCELED',
      ]);
      expect(await left(id)).to.deep.equal({ ...NOTHING, changes: 1, mappings: 1 });
    });

    const UNWRITTEN: [string, MappingEntityType | 'ALL', number][] = [
      ['their end cannot be written at first', STUDENT, 1],
      ['neither their part’s end nor their own can be written at first', 'ALL', 2],
      ['their part’s end cannot be written at first', 'ALL', 1],
    ];
    for (const [title, entityType, times] of UNWRITTEN) {
      it(`end although ${title}, and are not read anew`, async () => {
        const { integrationService } = services;
        const { id, school } = await newSchool(stuck);
        const run = await integrationService.startSync(id, entityType);
        await until(() => schools.begun.includes(school));
        const free = await refuseWrites(services.database, {
          times,
          code: '53100',
          when: `UPDATE ON sync_runs FOR EACH ROW WHEN (NEW.integration_id = '${id}' AND NEW.status = 'CANCELED')`,
        });
        try {
          await integrationService.cancelSync(id, run.id);
          const states = async () =>
            (await integrationService.listSyncRuns(id)).items.map(({ status }) => status);
          await until(async () => (await states()).every((status) => status === 'CANCELED'));
          expect(await left(id)).to.deep.equal(NOTHING);
          expect(schools.begun.filter((name) => name === school)).to.have.length(1);
        } finally {
          await free();
        }
      });
    }

    it('must read a school: a rollback, an approval and a push are told of as what has no place to stop', async () => {
      const { database, integrationService } = services;
      const { id } = await newSchool(stuck);
      const { institutionId } = await integrationService.getIntegration(id);
      for (const [columns, words] of [
        [`'ROLLBACK', gen_random_uuid(), NULL, false`, /takes back another one/],
        [`'SYNC', NULL, now(), false`, /applies a plan that was approved/],
        [`'SYNC', NULL, NULL, true`, /what the school system pushed/],
      ] as const) {
        const [run] = await database.query<{ id: string }>(
          // Another process works on it.
          `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, status, lease_until,
             kind, rolls_back, approved_at, pushed)
           VALUES ($1, gen_random_uuid(), $2, 'STUDENT', 'RUNNING', now() + interval '1 hour', ${columns}) RETURNING id`,
          [id, institutionId],
        );
        const runId = run?.id as string;
        const error = await integrationService.cancelSync(id, runId).catch((thrown: unknown) => thrown);
        expect(error).to.include({ code: 'failed_precondition', reason: 'SYNC_NOT_CANCELABLE' });
        expect((error as Error).message).to.match(words);
        expect((await integrationService.getSyncRun(id, runId)).cancelRequestedAt).to.equal(null);
        await database.execute('DELETE FROM sync_runs WHERE integration_id = $1', [id]);
      }
    });

    it('must be under way or wait: others tell how they ended, and parts which run they belong to', async () => {
      const { integrationService } = services;
      const { id } = await newSchool(async function* () {
        yield [ANA];
      });
      const { runId, parts } = await integrationService.syncData(id, 'ALL');
      const error = await integrationService.cancelSync(id, runId).catch((thrown: unknown) => thrown);
      expect(error).to.deep.include({ code: 'failed_precondition', reason: 'SYNC_RUN_ENDED' });
      expect((error as Error).message).to.equal(`Run ${runId} has ended as COMPLETED.`);
      expect(parts).to.have.length(1);
      const missing = await integrationService
        .cancelSync(id, randomUUID())
        .catch((thrown: unknown) => thrown);
      expect(missing).to.include({ code: 'not_found' });
    });
  });

  describe('that are watched', () => {
    it('tell how they stand first, then each change, until they have ended', async () => {
      const { integrationService } = services;
      const go = gate();
      const { id } = await newSchool(async function* () {
        yield { records: [ANA], declaredTotal: 3 };
        await new Promise((resolve) => setTimeout(resolve, 600));
        yield { records: [EVA], declaredTotal: 3 };
        await go.opened;
        yield { records: [{ externalId: '3', givenName: 'Luz' }], declaredTotal: 3 };
      });
      const run = await integrationService.startSync(id, STUDENT);
      const seen: string[] = [];
      const watchers = [1, 2, 3].map(async (nth) => {
        for await (const state of integrationService.watchSync(id, run.id)) {
          if (nth === 1) seen.push(state.run.status);
          const { progress, status } = state.run;
          if (progress?.rowsRead === 2) {
            expect(progress).to.include({ rowsTotal: 3 });
            expect(progress.rowsPerSecond).to.be.within(1, 4);
            go.open();
          }
          if (status === 'COMPLETED') return state.run.counts.created;
        }
        return undefined;
      });
      expect(await Promise.all(watchers)).to.deep.equal([3, 3, 3]);
      expect(seen.at(0)).to.be.oneOf(['QUEUED', 'RUNNING']);
      expect(seen.at(-1)).to.equal('COMPLETED');
      const after: string[] = [];
      for await (const state of integrationService.watchSync(id, run.id)) after.push(state.run.status);
      expect(after).to.deep.equal(['COMPLETED']);
    });

    it('tell whoever begins to watch how they stand now, also while it is read what was before', async function () {
      if (!place.databaseUrl) return this.skip();
      const { database, integrationService } = services;
      const { id } = await newSchool(stuck);
      const { id: runId } = await integrationService.startSync(id, STUDENT);
      await until(async () => (await statusOf(id, runId)) === 'RUNNING');
      const [read, go] = [gate(), gate()];
      class SlowOnce extends RunStore {
        #isSlow = true;
        override async get(integrationId: string, run: string) {
          const isSlow = this.#isSlow;
          this.#isSlow = false;
          const found = await super.get(integrationId, run);
          if (isSlow) {
            read.open();
            await go.opened;
          }
          return found;
        }
      }
      const watch = new RunWatch(database, new SlowOnce(database), createLogger({ level: 'silent' }));
      const patience = AbortSignal.timeout(20_000);
      const first = watch.watch(id, runId, patience).next();
      await read.opened;
      const told = watch.next(runId, patience);
      await database.execute('UPDATE sync_runs SET cancel_requested_at = now() WHERE id = $1', [runId]);
      await told;
      const second = watch.watch(id, runId, patience).next();
      // Whoever joins the reading of the first one learns of nothing.
      setImmediate(go.open);
      expect((await second).value?.run.cancelRequestedAt).to.be.an.instanceOf(Date);
      await first;
      await integrationService.cancelSync(id, runId);
    });

    it('tell of their parts', async () => {
      const { integrationService } = services;
      const { id } = await newSchool(async function* () {
        yield [ANA];
      });
      const run = await integrationService.startSync(id, 'ALL');
      let last: string[] = [];
      for await (const { parts } of integrationService.watchSync(id, run.id))
        last = parts.map(({ entityType, status }) => `${entityType} ${status}`);
      expect(last).to.deep.equal(['STUDENT COMPLETED']);
    });
  });

  describe('of many schools', () => {
    it('take turns: a school with many that wait keeps no other waiting', async function () {
      this.timeout(120_000);
      const { integrationService } = services;
      const quick: Reading = async function* () {
        yield [ANA];
      };
      const [crowd, alone] = [randomUUID(), randomUUID()];
      const many = [];
      for (let n = 0; n < 30; n++) many.push(await newSchool(quick, { institutionId: crowd }));
      const one = await newSchool(quick, { institutionId: alone });
      const go = gate();
      // Both workers are busy until all have asked.
      const blocking = await Promise.all(
        [1, 2].map(() =>
          newSchool(async function* () {
            await go.opened;
            yield [ANA];
          }),
        ),
      );
      const blocked = await Promise.all(blocking.map(({ id }) => integrationService.startSync(id, STUDENT)));
      await until(async () =>
        (await Promise.all(blocking.map(({ id }, at) => statusOf(id, blocked[at]?.id as string)))).every(
          (status) => status === 'RUNNING',
        ),
      );
      const from = schools.begun.length;
      const runs = [];
      for (const { id } of many) runs.push(await integrationService.startSync(id, STUDENT));
      const last = await integrationService.startSync(one.id, STUDENT);
      go.open();
      await ended(one.id, last.id);
      const before = schools.begun.slice(from).indexOf(one.school);
      expect(before).to.be.within(0, 4);
      for (const [at, { id }] of many.entries()) await ended(id, runs[at]?.id as string);
    });

    it('are at most as many at one host as its connector says', async () => {
      expect(await mostAtOnce(4, { host: `${randomUUID()}.example` })).to.equal(1);
    });

    it('keep nobody waiting while they wait for a host that is full, and are not looked at', async () => {
      const { integrationService, database } = services;
      const quick: Reading = async function* () {
        yield [ANA];
      };
      const go = gate();
      const host = `${randomUUID()}.example`;
      const slow = await newSchool(
        async function* () {
          await go.opened;
          yield [ANA];
        },
        { host },
      );
      const first = await integrationService.startSync(slow.id, STUDENT);
      await until(async () => (await statusOf(slow.id, first.id)) === 'RUNNING');
      const waiting: { id: string; runId: string }[] = [];
      for (let n = 0; n < 20; n++) {
        const { id } = await newSchool(quick, { host });
        waiting.push({ id, runId: (await integrationService.startSync(id, STUDENT)).id });
      }
      const other = await newSchool(quick);
      await ended(other.id, (await integrationService.startSync(other.id, STUDENT)).id);
      const [looks] = await database.query<{ count: number }>(
        `SELECT sum(retry_count)::int AS count FROM pgboss.job WHERE singleton_key = ANY($1)`,
        [waiting.map(({ runId }) => runId)],
      );
      // Two workers may look at the same moment at which the first one is taken.
      expect(looks?.count).to.be.within(0, 2);
      go.open();
      for (const { id, runId } of waiting) await ended(id, runId);
    });

    it('are at most two of one institution at once, over all processes', async function () {
      if (!place.databaseUrl) return this.skip();
      // Alone, this process would do no more at once.
      const other = await servicesAt(place, schools, { workers: 4 });
      expect(await mostAtOnce(6, { institutionId: randomUUID() })).to.equal(2);
      await other.close();
    });

    /** How many of these runs were under way at the same time. */
    async function mostAtOnce(count: number, of: { institutionId?: string; host?: string }): Promise<number> {
      const { integrationService } = services;
      let [underWay, most] = [0, 0];
      const all = [];
      for (let n = 0; n < count; n++) {
        const reading: Reading = async function* () {
          underWay += 1;
          most = Math.max(most, underWay);
          await new Promise((resolve) => setTimeout(resolve, 50));
          yield [ANA];
          underWay -= 1;
        };
        all.push(await newSchool(reading, of));
      }
      const runs = await Promise.all(all.map(({ id }) => integrationService.startSync(id, STUDENT)));
      for (const [at, { id }] of all.entries()) await ended(id, runs[at]?.id as string);
      return most;
    }
  });
});

describe('runs of processes that ended', () => {
  it('are handed back at the next page by one that ends, and done by the next one', async () => {
    const schools = new GatedSchools();
    const place = await newPlace();
    const first = await servicesAt(place, schools);
    const { id, school } = await gatedIntegration(first, schools, async function* (signal) {
      for (let n = 1; !signal.aborted; n++) {
        yield [{ externalId: String(n), givenName: `Ana ${n}` }];
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      throw signal.reason;
    });
    const run = await first.integrationService.startSync(id, STUDENT);
    await until(() => schools.begun.includes(school));
    await first.close();
    schools.set(school, async function* () {
      yield [ANA];
    });
    const second = await servicesAt(place, schools);
    const { integrationService } = second;
    await until(async () => (await integrationService.getSyncRun(id, run.id)).status === 'COMPLETED');
    const done = await integrationService.getSyncRun(id, run.id);
    expect(done).to.deep.include({ failures: [], attempt: 2 });
    expect(done.counts).to.include({ read: 1, created: 1 });
    await second.close();
  });

  const TWICE: [string, Died][] = [
    ['and were not taken up since', { told: 1, worker: 'a process that is gone' }],
    ['and were handed back since', { told: 2, worker: null }],
  ];
  for (const [title, died] of TWICE) {
    it(`twice, ${title}, go on one after the other, so that one that kills its process takes no other with it`, async () => {
      const { working, runs, most, go, begun } = await diedTwice(2, died);
      const { integrationService, database } = working;
      const cameBack = async () => {
        const [jobs] = await database.query<{ count: number }>(
          'SELECT count(*)::int AS count FROM pgboss.job WHERE singleton_key = ANY($1) AND retry_count > 0',
          [runs.map(({ runId }) => runId)],
        );
        return jobs?.count === 1;
      };
      await until(async () => most() > 1 || (begun() === 1 && (await cameBack())));
      go.open();
      for (const { id, runId } of runs) {
        await until(async () => (await integrationService.getSyncRun(id, runId)).status === 'COMPLETED');
        expect((await integrationService.getSyncRun(id, runId)).failures).to.have.length(2);
      }
      expect(most()).to.equal(1);
      await working.close();
    });
  }

  it('twice end at once where they are canceled or given up, whoever else is under way', async () => {
    const { working, runs, go, begun } = await diedTwice(3, { told: 2, worker: null });
    const { integrationService, database } = working;
    await until(async () => begun() === 1);
    const waiting = [];
    for (const run of runs)
      if ((await integrationService.getSyncRun(run.id, run.runId)).attempt === 2) waiting.push(run);
    const [canceled, lost] = waiting as [(typeof runs)[0], (typeof runs)[0]];
    await integrationService.cancelSync(canceled.id, canceled.runId, 'It takes too long.');
    await database.query(`UPDATE sync_runs SET worker = 'a process that is gone' WHERE id = $1`, [
      lost.runId,
    ]);
    const statusOf = async ({ id, runId }: (typeof runs)[0]) =>
      (await integrationService.getSyncRun(id, runId)).status;
    await until(async () => (await statusOf(canceled)) === 'CANCELED');
    await until(async () => (await statusOf(lost)) === 'FAILED');
    expect(begun()).to.equal(1);
    go.open();
    await working.close();
  });

  it('and were canceled end with the part that was under way, which reads nothing any more', async () => {
    const schools = new GatedSchools();
    const place = await newPlace();
    const serving = await servicesAt(place, schools, { workers: 0 });
    const { id } = await gatedIntegration(serving, schools, async function* () {
      yield [ANA];
    });
    const run = await serving.integrationService.startSync(id, 'ALL');
    await serving.database.query(
      `UPDATE sync_runs SET status = 'RUNNING', worker = 'a process that is gone', cancel_requested_at = now()
       WHERE id = $1`,
      [run.id],
    );
    await serving.database.query(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, status, kind, parent_id, worker)
       SELECT integration_id, gen_random_uuid(), institution_id, 'STUDENT', status, kind, id, worker
       FROM sync_runs WHERE id = $1`,
      [run.id],
    );
    await serving.close();
    const { integrationService, ...working } = await servicesAt(place, schools);
    let states: string[] = [];
    await until(async () => {
      states = (await integrationService.listSyncRuns(id)).items.map(({ status }) => status);
      return !states.includes('RUNNING');
    });
    expect(states).to.deep.equal(['CANCELED', 'CANCELED']);
    expect(schools.begun).to.deep.equal([]);
    await working.close();
  });

  it('wait where a process only serves calls, and are done by one that works', async () => {
    const schools = new GatedSchools();
    const place = await newPlace();
    const serving = await servicesAt(place, schools, { workers: 0 });
    const { id } = await gatedIntegration(serving, schools, async function* () {
      yield [ANA];
    });
    const run = await serving.integrationService.startSync(id, STUDENT);
    const working = place.databaseUrl ? await servicesAt(place, schools) : undefined;
    if (working) {
      const { integrationService } = serving;
      await until(async () => (await integrationService.getSyncRun(id, run.id)).status === 'COMPLETED');
      const report = await integrationService.syncData(id, STUDENT);
      expect(report).to.deep.include({ success: true, status: 'COMPLETED', synced: 1 });
      await working.close();
    }
    await serving.close();
    if (working) return;
    const next = await servicesAt(place, schools);
    await until(async () => (await next.integrationService.getSyncRun(id, run.id)).status === 'COMPLETED');
    await next.close();
  });
});

/** `told`: how many of the deaths the run tells of. `worker`: whose death nobody has seen; null: it was handed back. */
interface Died {
  told: number;
  worker: string | null;
}

/** Runs on which two processes died, at a process that works on them now, and reads nothing before `go` opens. */
async function diedTwice(count: number, { told, worker }: Died) {
  const schools = new GatedSchools();
  const place = await newPlace();
  const serving = await servicesAt(place, schools, { workers: 0 });
  const go = gate();
  let [begun, underWay, most] = [0, 0, 0];
  const reading: Reading = async function* () {
    begun += 1;
    underWay += 1;
    most = Math.max(most, underWay);
    await go.opened;
    yield [ANA];
    underWay -= 1;
  };
  const runs: { id: string; runId: string }[] = [];
  for (let n = 0; n < count; n++) {
    const { id } = await gatedIntegration(serving, schools, reading);
    runs.push({ id, runId: (await serving.integrationService.startSync(id, STUDENT)).id });
  }
  const died = Array.from({ length: told }, (_, n) => ({
    attempt: n + 1,
    at: new Date().toISOString(),
    reason: 'The process was killed.',
  }));
  await serving.database.query(
    `UPDATE sync_runs SET status = 'RUNNING', worker = $3, attempt = 2, failures = $2 WHERE id = ANY($1)`,
    [runs.map(({ runId }) => runId), JSON.stringify(died), worker],
  );
  await serving.close();
  const working = await servicesAt(place, schools);
  return { working, runs, go, begun: () => begun, most: () => most };
}
