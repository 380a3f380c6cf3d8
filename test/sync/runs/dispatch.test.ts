import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { RecordSource } from '../../../src/connectors/index.js';
import type { Database } from '../../../src/database/index.js';
import { MappingEntityType } from '../../../src/index.js';
import type { SyncReport, SyncScope, SyncService } from '../../../src/sync/index.js';
import { syncPolicy } from '../../../src/sync/index.js';
import type { RunClaims } from '../../../src/sync/runs/run-claims.js';
import type { HeldRun } from '../../../src/sync/runs/run-request.js';
import type { RunStore } from '../../../src/sync/runs/run-store.js';
import { claimAnyDead } from '../../support/claim-dead.js';
import { quietDatabase } from '../../support/quiet-database.js';
import { syncServiceOf } from '../../support/sync-service.js';
import { until } from '../../support/until.js';

const { COURSE, STUDENT } = MappingEntityType;
const TYPES = [COURSE, STUDENT];

type Stage = 'read' | 'plan' | 'apply' | 'end of the part' | 'end';

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Resolves never: what a process does that is gone. */
const never = () => new Promise<never>(() => {});

/** A school system, and processes that sync it. */
async function schoolOn(database: Database) {
  const [integrationId, institutionId] = [randomUUID(), randomUUID()];
  await database.execute(
    `INSERT INTO integrations (id, institution_id, provider, credentials) VALUES ($1, $2, 'GENERIC_CSV', '')`,
    [integrationId, institutionId],
  );
  const source = { students: ['1 Ana', '2 Eva', '3 Luz'], floor: 5 };
  let onRead: (() => Promise<void>) | undefined;
  const read = (entityType: MappingEntityType): RecordSource => ({
    entities: (async function* () {
      if (entityType === COURSE) {
        yield [{ externalId: 'C1', name: 'Mates' }];
        return;
      }
      const rows = source.students.map((row) => ({
        externalId: row.split(' ')[0] as string,
        givenName: row.split(' ')[1] as string,
      }));
      const wait = onRead;
      onRead = undefined;
      // The first half is read and staged before somebody waits.
      if (wait) yield rows.slice(0, 2);
      await wait?.();
      yield wait ? rows.slice(2) : rows;
    })(),
  });
  const newProcess = (ttlSeconds = 15) =>
    syncServiceOf(database, read, {
      entityTypes: TYPES,
      ttlSeconds,
      policy: () => syncPolicy.parse({ guard: { floor: source.floor } }),
    });
  const of = (entityType: SyncScope) => ({ integrationId, institutionId, entityType });
  return {
    integrationId,
    institutionId,
    source,
    newProcess,
    read,
    of,
    /** Called once, in the middle of the next reading of students. */
    inReading(wait: () => Promise<void>) {
      onRead = wait;
    },
    expire: () =>
      database.execute(
        `UPDATE leases SET expires_at = clock_timestamp() - interval '1 second' WHERE integration_id = $1`,
        [integrationId],
      ),
    async roster() {
      const rows = await database.query<{ name: string }>(
        `SELECT m.external_id || ' ' || s.given_name || CASE WHEN m.missing_runs > 0 THEN ' missing' ELSE '' END AS name
         FROM integration_mappings m JOIN students s ON s.institution_id = $2 AND s.id = m.internal_id
         WHERE m.integration_id = $1 AND m.entity_type = 'STUDENT' ORDER BY 1`,
        [integrationId, institutionId],
      );
      return rows.map(({ name }) => name);
    },
    async left() {
      const [row] = await database.query(
        `SELECT (SELECT count(*)::int FROM sync_staged WHERE integration_id = $1) AS staged,
           (SELECT count(*)::int FROM leases WHERE integration_id = $1) AS leases,
           (SELECT count(*)::int FROM sync_runs WHERE integration_id = $1 AND status = 'RUNNING') AS running`,
        [integrationId],
      );
      return row;
    },
  };
}

const NOTHING = { staged: 0, leases: 0, running: 0 };
type School = Awaited<ReturnType<typeof schoolOn>>;

/**
 * Makes a process die at a stage: what was under way in a transaction is gone, and nothing comes after it.
 */
function mortal(syncs: SyncService, school: School, stage: Stage): Promise<void> {
  const died = gate();
  let isDead = false;
  const die = () => {
    isDead = true;
    died.open();
  };
  const { runs, claims } = syncs;
  const dieInTransaction = () => {
    die();
    throw new Error('killed');
  };
  const watch = (held: HeldRun | undefined) => {
    if (!held) return held;
    const transaction = held.lease.transaction.bind(held.lease);
    held.lease.transaction = (work) => (isDead ? never() : transaction(work));
    return held;
  };
  const hook = <Name extends 'create' | 'approve' | 'claimDead'>(name: Name) => {
    const real = (claims[name] as (...call: unknown[]) => Promise<HeldRun | undefined>).bind(claims);
    claims[name] = (async (...call: unknown[]) => watch(await real(...call))) as RunClaims[Name];
  };
  for (const name of ['create', 'approve', 'claimDead'] as const) hook(name);
  const get = runs.get.bind(runs);
  runs.get = (...call) => (isDead ? never() : get(...call));
  if (stage === 'read') {
    school.inReading(() => {
      die();
      return never();
    });
  }
  const [savePlan, saveApplied, finish] = [runs.savePlan, runs.saveApplied, runs.finish].map((real) =>
    real.bind(runs),
  ) as [RunStore['savePlan'], RunStore['saveApplied'], RunStore['finish']];
  runs.savePlan = async (run) => {
    await savePlan(run);
    if (stage === 'plan' && run.entityType === STUDENT) dieInTransaction();
  };
  runs.saveApplied = async (run) => {
    await saveApplied(run);
    if (stage === 'apply' && run.entityType === STUDENT) dieInTransaction();
  };
  let finishes = 0;
  runs.finish = async (held) => {
    finishes += 1;
    const isPart = held.run.parentId !== null;
    if (stage === 'end of the part' ? isPart && held.run.entityType === STUDENT : stage === 'end' && !isPart)
      die();
    if (isDead) return never();
    if (finishes > 5) throw new Error('it ends too often');
    return finish(held);
  };
  return died.opened;
}

/** Waits before or after what a store does. */
function wrap<Store extends object, Name extends keyof Store>(
  store: Store,
  name: Name,
  { before, after }: { before?: () => Promise<void>; after?: () => Promise<void> },
): void {
  const real = (store[name] as (...call: unknown[]) => Promise<unknown>).bind(store);
  store[name] = (async (...call: unknown[]) => {
    await before?.();
    const done = await real(...call);
    await after?.();
    return done;
  }) as Store[Name];
}

/** Claims and does what is dead, until nothing is. */
async function resumeAll(syncs: SyncService): Promise<SyncReport[]> {
  const reports: SyncReport[] = [];
  let held: HeldRun | undefined;
  // What the last transaction of the one who died has locked is free once that is rolled back.
  await until(async () => {
    held = await claimAnyDead(syncs);
    return held !== undefined || (await syncs.claims.listDead()).length === 0;
  });
  for (; held; held = await claimAnyDead(syncs)) {
    reports.push(await syncs.carryOut(held));
    expect(reports.length).to.be.lessThan(5);
  }
  return reports;
}

const BEFORE = ['1 Ana', '2 Eva', '3 Luz'];
const CHANGED = ['1 Anna', '2 Eva', '3 Luz', '4 Sol'];

interface Task {
  name: string;
  stages: readonly Stage[];
  status: string;
  /** The roster before, and after. */
  from: readonly string[];
  to: readonly string[];
  /** What precedes: returns the id of a run that `ask` needs. */
  prepare?: (syncs: SyncService, school: School, type: SyncScope) => Promise<string>;
  ask: (syncs: SyncService, school: School, type: SyncScope, runId: string) => Promise<unknown>;
}

async function syncChanged(syncs: SyncService, school: School, type: SyncScope) {
  school.source.students = CHANGED;
  return (await syncs.sync(school.of(type))).runId;
}

async function preview(syncs: SyncService, school: School, type: SyncScope) {
  school.source.students = CHANGED;
  return (await syncs.sync({ ...school.of(type), kind: 'PREVIEW' })).runId;
}

async function hold(syncs: SyncService, school: School, type: SyncScope) {
  school.source.students = CHANGED;
  school.source.floor = 1;
  const guard = { changedPercent: 1, reason: 'a test' } as never;
  const report = await syncs.sync({ ...school.of(type), guard });
  school.source.floor = 5;
  expect(report.status).to.equal('HELD');
  return report.runId;
}

const ask = {
  sync: (syncs: SyncService, school: School, type: SyncScope) => syncChanged(syncs, school, type),
  preview: (syncs: SyncService, school: School, type: SyncScope) => preview(syncs, school, type),
  rollBack: (syncs: SyncService, { integrationId }: School, _: SyncScope, runId: string) =>
    syncs.rollBack(integrationId, runId),
  previewRollback: (syncs: SyncService, { integrationId }: School, _: SyncScope, runId: string) =>
    syncs.rollBack(integrationId, runId, { preview: true }),
  approve: (syncs: SyncService, { integrationId }: School, _: SyncScope, runId: string) =>
    syncs.approve(integrationId, runId, 'yes'),
};
const ALL_STAGES: Stage[] = ['read', 'plan', 'apply', 'end of the part', 'end'];
const NO_APPLY: Stage[] = ['read', 'plan', 'end of the part', 'end'];
const TASKS: Task[] = [
  { name: 'a sync', stages: ALL_STAGES, status: 'COMPLETED', from: BEFORE, to: CHANGED, ask: ask.sync },
  { name: 'a preview', stages: NO_APPLY, status: 'PREVIEWED', from: BEFORE, to: BEFORE, ask: ask.preview },
  {
    name: 'a rollback',
    stages: ['plan', 'apply', 'end of the part', 'end'],
    status: 'COMPLETED',
    from: CHANGED,
    to: BEFORE,
    prepare: syncChanged,
    ask: ask.rollBack,
  },
  {
    name: 'the preview of a rollback',
    stages: ['plan', 'end of the part', 'end'],
    status: 'PREVIEWED',
    from: CHANGED,
    to: CHANGED,
    prepare: syncChanged,
    ask: ask.previewRollback,
  },
  {
    name: 'the approval of a preview',
    stages: ['apply', 'end of the part', 'end'],
    status: 'COMPLETED',
    from: BEFORE,
    to: CHANGED,
    prepare: preview,
    ask: ask.approve,
  },
  {
    name: 'the approval of a held plan',
    stages: ['apply', 'end of the part', 'end'],
    status: 'COMPLETED',
    from: BEFORE,
    to: CHANGED,
    prepare: hold,
    ask: ask.approve,
  },
];

let quiet: Promise<Database> | undefined;

/** One for all tests of this file. */
function sharedQuietDatabase(): Promise<Database> {
  quiet ??= quietDatabase();
  return quiet;
}

describe('a resumed run does what it was asked', () => {
  let database: Database;
  before(async () => {
    database = await sharedQuietDatabase();
  });

  for (const { name, stages, status, from, to, prepare, ask: start } of TASKS) {
    for (const type of [STUDENT, 'ALL'] as const) {
      for (const stage of stages.filter((one) => type === 'ALL' || one !== 'end of the part')) {
        it(`${name} of ${type === 'ALL' ? 'all types' : 'one type'} whose process died at: ${stage}`, async () => {
          const school = await schoolOn(database);
          const [first, second] = [school.newProcess(), school.newProcess()];
          await first.sync(school.of('ALL'));
          const runId = (await prepare?.(first, school, type)) ?? '';
          expect(await school.roster()).to.deep.equal(from);
          const died = mortal(first, school, stage);
          const asked = start(first, school, type, runId);
          await Promise.race([died, asked.then(() => Promise.reject(new Error('it did not die')))]);
          expect((await school.left())?.running).to.equal(type === 'ALL' ? (stage === 'end' ? 1 : 2) : 1);
          await school.expire();
          const reports = await resumeAll(second);
          expect(reports.map((report) => report.status)).to.deep.equal([status]);
          expect(await school.roster()).to.deep.equal(to);
          expect(await school.left()).to.deep.equal(NOTHING);
          const run = await second.runs.get(school.integrationId, reports[0]?.runId as string);
          expect(run).to.deep.include({ status, attempt: 2, entityType: type });
          if (status === 'COMPLETED') return;
          await second.approve(school.integrationId, run.id, 'later');
          expect(await school.roster()).to.deep.equal(to === BEFORE ? CHANGED : BEFORE);
        });
      }
    }
  }

  for (const stage of ['read', 'plan', 'apply', 'end'] as const) {
    it(`a push whose process died at: ${stage}`, async () => {
      const school = await schoolOn(database);
      const [first, second] = [school.newProcess(), school.newProcess()];
      await first.sync(school.of(STUDENT));
      school.source.students = ['4 Sol'];
      const died = mortal(first, school, stage);
      const source = { ...school.read(STUDENT), partial: true };
      // It hears later that its lease is another's.
      first.syncPushed(school.of(STUDENT), source, syncPolicy.parse({})).catch(() => {});
      await died;
      await school.expire();
      const [report] = await resumeAll(second);
      expect(report?.status).to.equal(stage === 'end' ? 'COMPLETED' : 'FAILED');
      expect(await school.roster()).to.deep.equal(stage === 'end' ? [...BEFORE, '4 Sol'] : BEFORE);
      expect(await school.left()).to.deep.equal(NOTHING);
    });
  }
});

describe('two processes and one run', () => {
  let database: Database;
  before(async () => {
    database = await sharedQuietDatabase();
  });

  /**
   * The first process waits inside its source; the second takes the run and does it; then the first goes on.
   */
  for (const type of [STUDENT, 'ALL'] as const) {
    it(`a process that lost its lease while reading ${type} writes nothing, and nobody is missing`, async () => {
      const school = await schoolOn(database);
      const [first, second] = [school.newProcess(), school.newProcess()];
      await first.sync(school.of('ALL'));
      school.source.students = [...BEFORE, '4 Sol', '5 Mar'];
      const [reading, goOn] = [gate(), gate()];
      school.inReading(() => {
        reading.open();
        return goOn.opened;
      });
      const lost = first.sync(school.of(type)).then(
        (report) => report.status,
        (error: { reason: string }) => error.reason,
      );
      await reading.opened;
      await school.expire();
      const held = (await claimAnyDead(second)) as HeldRun;
      const [heirReads, heirGoesOn] = [gate(), gate()];
      school.inReading(() => {
        heirReads.open();
        return heirGoesOn.opened;
      });
      const heir = second.carryOut(held);
      await heirReads.opened;
      goOn.open();
      expect(await lost).to.equal('LEASE_LOST');
      heirGoesOn.open();
      expect((await heir).status).to.equal('COMPLETED');
      expect(await school.roster()).to.deep.equal([...BEFORE, '4 Sol', '5 Mar']);
      expect(await school.left()).to.deep.equal(NOTHING);
      const { items } = await second.runs.list(school.integrationId, {});
      expect(items.map(({ status }) => status).filter((status) => status !== 'COMPLETED')).to.deep.equal([]);
    });
  }

  /**
   * The first process does not know that it lost its lease: the second claims the run while the first is just
   * before a step.
   */
  const STEPS: Record<string, (runs: RunStore, stop: () => Promise<void>) => void> = {
    'after staging': (runs, stop) => wrap(runs, 'savePlan', { before: stop }),
    'while planning': (runs, stop) => wrap(runs, 'savePlan', { after: stop }),
    'in apply': (runs, stop) => wrap(runs, 'saveApplied', { before: stop }),
    'at the end': (runs, stop) => wrap(runs, 'finish', { before: stop }),
  };
  for (const [step, stopAt] of Object.entries(STEPS)) {
    it(`a process that lost its lease ${step} leaves all to the other`, async function () {
      // In a transaction of the only session nobody else can claim anything.
      if (database.isExclusive && step !== 'at the end') this.skip();
      const school = await schoolOn(database);
      const [first, second] = [school.newProcess(), school.newProcess()];
      await first.sync(school.of('ALL'));
      school.source.students = CHANGED;
      const [stopped, goOn] = [gate(), gate()];
      stopAt(first.runs, () => {
        stopped.open();
        return goOn.opened;
      });
      const lost = first.sync(school.of(STUDENT)).catch((error: { reason: string }) => error.reason);
      await stopped.opened;
      await school.expire();
      const held = await claimAnyDead(second);
      if (held) {
        goOn.open();
        expect(await lost).to.equal('LEASE_LOST');
        expect((await second.carryOut(held)).status).to.equal('COMPLETED');
      } else {
        // Whoever is writing its run's row commits it: nobody else has the run.
        expect(step).to.be.oneOf(['while planning', 'in apply']);
        goOn.open();
        expect(await lost).to.deep.include({ status: 'COMPLETED' });
      }
      expect(await school.roster()).to.deep.equal(CHANGED);
      expect(await school.left()).to.deep.equal(NOTHING);
      const { items } = await second.runs.list(school.integrationId, {});
      expect(
        items.filter(({ entityType }) => entityType === STUDENT).map(({ status }) => status),
      ).to.deep.equal(['COMPLETED', 'COMPLETED']);
      const changes = await second.listChanges(school.integrationId, items[0]?.id as string, {});
      expect(changes.items.map(({ action, externalId }) => `${action} ${externalId}`).sort()).to.deep.equal([
        'CREATE 4',
        'UPDATE 1',
      ]);
    });
  }

  it('a process that lost a run of all types does not take a part back from the other', async () => {
    const school = await schoolOn(database);
    const [first, second, third] = [school.newProcess(), school.newProcess(), school.newProcess()];
    const died = mortal(first, school, 'read');
    first.sync(school.of('ALL')).catch(() => {});
    await died;
    await school.expire();
    const [claims, goOn] = [gate(), gate()];
    wrap(second.claims, 'claimPart', {
      before: () => {
        claims.open();
        return goOn.opened;
      },
    });
    const again = (await claimAnyDead(second)) as HeldRun;
    const lost = second.carryOut(again).catch((error: { reason: string }) => error.reason);
    await claims.opened;
    await school.expire();
    const held = (await claimAnyDead(third)) as HeldRun;
    expect(held.run.entityType).to.equal('ALL');
    school.inReading(async () => {
      goOn.open();
      expect(await lost).to.equal('LEASE_LOST');
    });
    expect((await third.carryOut(held)).status).to.equal('COMPLETED');
    expect(await school.roster()).to.deep.equal(BEFORE);
    expect(await school.left()).to.deep.equal(NOTHING);
  });

  it('a sync of one type does not take a part from a run of all types that is alive', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    const [reading, goOn] = [gate(), gate()];
    school.inReading(() => {
      reading.open();
      return goOn.opened;
    });
    const whole = first.sync(school.of('ALL'));
    await reading.opened;
    await database.execute(
      `UPDATE leases l SET expires_at = clock_timestamp() - interval '1 second' FROM sync_runs r
       WHERE r.integration_id = $1 AND r.entity_type = 'STUDENT' AND l.integration_id = $1 AND l.resource = 'run:' || r.id`,
      [school.integrationId],
    );
    const error = await second.sync(school.of(STUDENT)).catch((thrown: unknown) => thrown);
    goOn.open();
    expect(error).to.deep.include({ code: 'aborted', reason: 'SYNC_ALREADY_RUNNING' });
    expect((await whole).status).to.equal('COMPLETED');
    expect(await school.left()).to.deep.equal(NOTHING);
  });

  it('a run on which three processes died is given up with the reason of each, and nothing is left of it', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    const died = mortal(first, school, 'read');
    first.sync(school.of('ALL')).catch(() => {});
    await died;
    for (let attempt = 2; attempt <= 3; attempt++) {
      await school.expire();
      const held = (await claimAnyDead(school.newProcess())) as HeldRun;
      expect(held.run).to.deep.include({ attempt, entityType: 'ALL' });
    }
    await school.expire();
    const reports = await resumeAll(second);
    expect(reports[0]?.status).to.equal('FAILED');
    expect(reports[0]?.errors.join()).to.match(
      /^The run was begun 3 times and never came to its end\. (Attempt \d: The process \S+:\d+ was not heard of any more after READ had begun[^.]*\. ?){3}$/,
    );
    expect(await school.left()).to.deep.equal(NOTHING);
  });

  it('a roll back that meets a dead sync of the same type ends both', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    const { runId } = await first.sync(school.of(STUDENT));
    school.source.students = CHANGED;
    const target = await first.sync(school.of(STUDENT));
    school.source.students = [...CHANGED, '5 Mar'];
    const died = mortal(first, school, 'read');
    first.sync(school.of(STUDENT)).catch(() => {});
    await died;
    await school.expire();
    const back = await second.rollBack(school.integrationId, target.runId);
    expect(back.status).to.equal('COMPLETED');
    expect(await school.roster()).to.deep.equal([...BEFORE, '5 Mar']);
    const { items } = await second.runs.list(school.integrationId, {});
    expect(items.map(({ kind, status, attempt }) => `${kind} ${status} ${attempt}`)).to.deep.equal([
      'ROLLBACK COMPLETED 1',
      'SYNC COMPLETED 2',
      'SYNC COMPLETED 1',
      'SYNC COMPLETED 1',
    ]);
    expect(items.at(-1)?.id).to.equal(runId);
  });

  it('a roll back that meets a dead sync that was canceled writes nothing of that', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    await first.sync(school.of(STUDENT));
    school.source.students = CHANGED;
    const target = await first.sync(school.of(STUDENT));
    school.source.students = [...CHANGED, '5 Mar'];
    const died = mortal(first, school, 'read');
    first.sync(school.of(STUDENT)).catch(() => {});
    await died;
    const [dead] = (await second.runs.list(school.integrationId, {})).items;
    expect(await second.queue.askToStop(school.integrationId, dead?.id as string, 'wrong file')).to.equal(
      true,
    );
    await school.expire();
    const back = await second.rollBack(school.integrationId, target.runId);
    expect(back.status).to.equal('COMPLETED');
    expect(await school.roster()).to.deep.equal(BEFORE);
    const { items } = await second.runs.list(school.integrationId, {});
    expect(items.map(({ kind, status }) => `${kind} ${status}`)).to.deep.equal([
      'ROLLBACK COMPLETED',
      'SYNC CANCELED',
      'SYNC COMPLETED',
      'SYNC COMPLETED',
    ]);
    expect(await school.left()).to.deep.equal(NOTHING);
  });

  it('a roll back is done although the dead sync that it meets fails', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    await first.sync(school.of(STUDENT));
    school.source.students = CHANGED;
    const target = await first.sync(school.of(STUDENT));
    const died = mortal(first, school, 'read');
    first.sync(school.of(STUDENT)).catch(() => {});
    await died;
    await school.expire();
    const { runs } = second;
    const savePlan = runs.savePlan.bind(runs);
    runs.savePlan = async (run) => {
      if (run.kind === 'SYNC') throw new Error('a fault of ours');
      return savePlan(run);
    };
    const back = await second.rollBack(school.integrationId, target.runId);
    expect(back.status).to.equal('COMPLETED');
    expect(await school.roster()).to.deep.equal(BEFORE);
    const { items } = await second.runs.list(school.integrationId, {});
    expect(items.map(({ status }) => status)).to.deep.equal([
      'COMPLETED',
      'FAILED',
      'COMPLETED',
      'COMPLETED',
    ]);
  });

  it('a sync with thresholds of its own that meets its own dead run keeps them, and is done once', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    const twenty = Array.from({ length: 20 }, (_, i) => `${i} Ana`);
    school.source.students = twenty;
    await first.sync(school.of(STUDENT));
    school.source.students = twenty.map((row) => row.replace('Ana', 'Eva'));
    const died = mortal(first, school, 'read');
    const request = {
      ...school.of(STUDENT),
      guard: { reason: 'renamed', changedPercent: 100, deactivatedPercent: 50 },
    };
    first.sync(request as never).catch(() => {});
    await died;
    await school.expire();
    const report = await second.sync(request as never);
    expect(report).to.deep.include({ status: 'COMPLETED' });
    expect(report.counts.updated).to.equal(20);
    expect((await second.runs.list(school.integrationId, {})).items).to.have.length(2);
  });

  it('a sync of all types that meets a running one of a type is FAILED with the sentence that names it', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    const [reading, goOn] = [gate(), gate()];
    school.inReading(() => {
      reading.open();
      return goOn.opened;
    });
    const running = first.sync(school.of(STUDENT));
    await reading.opened;
    const error = await second.sync(school.of('ALL')).catch((thrown: unknown) => thrown);
    expect(error).to.deep.include({ code: 'aborted', reason: 'SYNC_ALREADY_RUNNING' });
    goOn.open();
    const { runId } = await running;
    expect((error as { metadata: object }).metadata).to.include({ runId });
    const { items } = await second.runs.list(school.integrationId, {});
    const all = items.find(({ entityType }) => entityType === 'ALL');
    expect(all?.status).to.equal('FAILED');
    expect(all?.error).to.include(runId);
  });

  it('a sync of all types that meets a dead one of a type brings that to its end, and is done', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    const died = mortal(first, school, 'read');
    first.sync(school.of(STUDENT)).catch(() => {});
    await died;
    await school.expire();
    expect((await second.sync(school.of('ALL'))).status).to.equal('COMPLETED');
    const { items } = await second.runs.list(school.integrationId, {});
    expect(items.map(({ status }) => status)).to.deep.equal([
      'COMPLETED',
      'COMPLETED',
      'COMPLETED',
      'COMPLETED',
    ]);
  });

  it('a plan that is approved twice at once is applied once', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    await first.sync(school.of(STUDENT));
    const runId = await preview(first, school, STUDENT);
    const ends = await Promise.allSettled([
      first.approve(school.integrationId, runId, 'a'),
      second.approve(school.integrationId, runId, 'b'),
    ]);
    expect(ends.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected']);
    const refused = ends.find((end): end is PromiseRejectedResult => end.status === 'rejected');
    expect(refused?.reason).to.include({ reason: 'SYNC_RUN_NOT_WAITING' });
    expect(await school.roster()).to.deep.equal(CHANGED);
    expect(await school.left()).to.deep.equal(NOTHING);
  });

  for (const type of [STUDENT, 'ALL'] as const) {
    it(`a held plan of ${type} that is approved while a sync runs waits as before, with its reason`, async () => {
      const school = await schoolOn(database);
      const [first, second] = [school.newProcess(), school.newProcess()];
      await first.sync(school.of('ALL'));
      const runId = await hold(first, school, type);
      const held = await first.runs.get(school.integrationId, runId);
      const [reading, goOn] = [gate(), gate()];
      school.inReading(() => {
        reading.open();
        return goOn.opened;
      });
      const running = first.sync({ ...school.of(STUDENT), kind: 'PREVIEW' });
      await reading.opened;
      const error = await second
        .approve(school.integrationId, runId, 'yes')
        .catch((thrown: unknown) => thrown);
      expect(error).to.deep.include({ code: 'aborted', reason: 'SYNC_ALREADY_RUNNING' });
      goOn.open();
      await running;
      const { status, error: reason, approvedAt } = await second.runs.get(school.integrationId, runId);
      expect({ status, reason, approvedAt }).to.deep.equal({
        status: 'HELD',
        reason: held.error,
        approvedAt: null,
      });
      expect((await second.approve(school.integrationId, runId, 'now')).status).to.equal('COMPLETED');
      expect(await school.roster()).to.deep.equal(CHANGED);
    });
  }

  for (const type of [STUDENT, 'ALL'] as const) {
    it(`a plan of ${type} that is approved after a preview of STUDENT died is applied at once`, async () => {
      const school = await schoolOn(database);
      const [first, second] = [school.newProcess(), school.newProcess()];
      await first.sync(school.of('ALL'));
      const runId = await hold(first, school, type);
      const died = mortal(first, school, 'read');
      first.sync({ ...school.of(STUDENT), kind: 'PREVIEW' }).catch(() => {});
      await died;
      await school.expire();
      expect((await second.approve(school.integrationId, runId, 'now')).status).to.equal('COMPLETED');
      expect(await school.roster()).to.deep.equal(CHANGED);
      expect(await school.left()).to.deep.equal(NOTHING);
    });
  }

  it('a held plan that is approved while the sync that replaces it writes stops neither of the two', async function () {
    if (database.isExclusive) this.skip();
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    await first.sync(school.of(STUDENT));
    const runId = await hold(first, school, STUDENT);
    const [writing, goOn] = [gate(), gate()];
    wrap(first.runs, 'saveApplied', {
      after: () => {
        writing.open();
        return goOn.opened;
      },
    });
    const running = first.sync(school.of(STUDENT));
    await writing.opened;
    const approved = second
      .approve(school.integrationId, runId, 'yes')
      .catch((thrown: { reason: string }) => thrown.reason);
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    while ((await database.query(waiting)).length === 0);
    goOn.open();
    expect((await running).status).to.equal('COMPLETED');
    expect(await approved).to.equal('SYNC_RUN_NOT_WAITING');
    expect((await second.runs.get(school.integrationId, runId)).status).to.equal('DISCARDED');
    expect(await school.left()).to.deep.equal(NOTHING);
  });

  it('a run that was applied is COMPLETED although its end could not be recorded at first', async () => {
    const school = await schoolOn(database);
    const syncs = school.newProcess();
    const finish = syncs.runs.finish.bind(syncs.runs);
    let fails = 1;
    syncs.runs.finish = async (held) => {
      if (fails-- > 0) throw new Error('no connection');
      return finish(held);
    };
    await syncs.sync(school.of(STUDENT)).catch(() => undefined);
    await resumeAll(syncs);
    const { items } = await syncs.runs.list(school.integrationId, {});
    expect(items.map(({ status }) => status)).to.deep.equal(['COMPLETED']);
    expect(await school.left()).to.deep.equal(NOTHING);
  });

  it('a run whose end could not be recorded is free to be taken up', async () => {
    const school = await schoolOn(database);
    const syncs = school.newProcess();
    const { finish } = syncs.runs;
    syncs.runs.finish = async () => {
      throw new Error('no connection');
    };
    await syncs.sync({ ...school.of(STUDENT), kind: 'PREVIEW' }).catch(() => undefined);
    syncs.runs.finish = finish;
    const reports = await resumeAll(syncs);
    expect(reports.map(({ status }) => status)).to.deep.equal(['PREVIEWED']);
  });

  it('a run that was applied is COMPLETED although something failed after it', async () => {
    const school = await schoolOn(database);
    const syncs = school.newProcess();
    syncs.runs.supersede = async () => {
      throw new Error('no connection');
    };
    await syncs.sync(school.of(STUDENT)).catch(() => undefined);
    const { supersede } = Object.getPrototypeOf(syncs.runs) as RunStore;
    syncs.runs.supersede = supersede;
    await resumeAll(syncs);
    const { items } = await syncs.runs.list(school.integrationId, {});
    const isRight = items[0]?.appliedPosition
      ? items[0].status === 'COMPLETED'
      : items[0]?.status === 'FAILED';
    expect(isRight).to.equal(true);
    expect(await school.left()).to.deep.equal(NOTHING);
  });

  it('a sync whose process died once it was applied has discarded the held plans before it', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    await first.sync(school.of(STUDENT));
    const runId = await hold(first, school, STUDENT);
    const { claims } = first;
    const died = gate();
    // The process ends with its apply transaction.
    const create = claims.create.bind(claims);
    claims.create = async (request) => {
      const held = (await create(request)) as HeldRun;
      const transaction = held.lease.transaction.bind(held.lease);
      held.lease.transaction = async (work) => {
        const done = await transaction(work);
        if (!held.run.appliedPosition) return done;
        died.open();
        return never();
      };
      return held;
    };
    first.sync(school.of(STUDENT)).catch(() => {});
    await died.opened;
    await school.expire();
    expect((await resumeAll(second)).map(({ status }) => status)).to.deep.equal(['COMPLETED']);
    expect((await second.runs.get(school.integrationId, runId)).status).to.equal('DISCARDED');
  });

  it('a part that its process ended just before another claimed it is not done again', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    const [reading, goOn] = [gate(), gate()];
    school.inReading(() => {
      reading.open();
      return goOn.opened;
    });
    const lost = first.sync(school.of('ALL')).catch((error: { reason: string }) => error.reason);
    await reading.opened;
    // Only the whole is lost: the part still has its lease.
    await database.execute(
      `UPDATE leases l SET expires_at = clock_timestamp() - interval '1 second' FROM sync_runs r
       WHERE r.integration_id = $1 AND r.entity_type = 'ALL' AND l.integration_id = $1 AND l.resource = 'run:' || r.id`,
      [school.integrationId],
    );
    const held = (await claimAnyDead(second)) as HeldRun;
    const claimPart = second.claims.claimPart.bind(second.claims);
    second.claims.claimPart = async (...call) => {
      goOn.open();
      await lost;
      return claimPart(...call);
    };
    const report = await second.carryOut(held);
    expect(report.status).to.equal('COMPLETED');
    const parts = await second.runs.parts(school.integrationId, held.run.id);
    expect(parts.map(({ status, attempt }) => [status, attempt])).to.deep.equal([
      ['COMPLETED', 1],
      ['COMPLETED', 1],
    ]);
    const changes = await second.listChanges(school.integrationId, parts[1]?.id as string, {});
    expect(changes.items).to.have.length(3);
    expect(await school.left()).to.deep.equal(NOTHING);
  });

  it('a process that lost a run of all types begins no further part of it', async () => {
    const school = await schoolOn(database);
    const [first, second] = [school.newProcess(), school.newProcess()];
    const { claims } = first;
    const begin = claims.begin.bind(claims);
    const [begins, goOn] = [gate(), gate()];
    claims.begin = async (...call) => {
      if (call[0].entityType === STUDENT) {
        begins.open();
        await goOn.opened;
      }
      return begin(...call);
    };
    const lost = first.sync(school.of('ALL')).catch((error: { reason: string }) => error.reason);
    await begins.opened;
    await school.expire();
    const held = (await claimAnyDead(second)) as HeldRun;
    // The first goes on before the second comes to that part.
    const beginSecond = second.claims.begin.bind(second.claims);
    second.claims.begin = async (...call) => {
      goOn.open();
      expect(await lost).to.equal('LEASE_LOST');
      return beginSecond(...call);
    };
    expect((await second.carryOut(held)).status).to.equal('COMPLETED');
    expect(await second.runs.parts(school.integrationId, held.run.id)).to.have.length(2);
    expect(await school.left()).to.deep.equal(NOTHING);
  });
});
