import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { Database } from '../../../src/database/index.js';
import { ServiceError } from '../../../src/errors.js';
import { MappingEntityType } from '../../../src/index.js';
import { IntegrationStore } from '../../../src/integrations/integration-store.js';
import { MappingService } from '../../../src/mappings/index.js';
import { RosterService } from '../../../src/roster/index.js';
import { type SyncPolicy, type SyncScope, type SyncService, syncPolicy } from '../../../src/sync/index.js';
import { type Fault, faultyDatabase, kill, ProcessKilled } from '../../support/faulty-database.js';
import { syncServiceOf } from '../../support/sync-service.js';
import { digestsOf } from './digests.js';
import { candidateOf, doneOf, editOf, latestOf, waitingOf } from './picks.js';
import {
  changeSchool,
  PEOPLE,
  type Reading,
  rowsOf,
  type SchoolState,
  sourceOf,
  studentId,
  WHOLE,
} from './school-system.js';
import { type Entity, type Run, type Snapshot, takeSnapshot } from './snapshot.js';
import type { Ending, FieldPolicy, Step, Trouble, Which } from './step.js';

const { COURSE, TEACHER, GROUP, STUDENT } = MappingEntityType;
export const TYPES = [COURSE, TEACHER, GROUP, STUDENT];
/** So long that no lease of a history runs out by itself. */
const LEASE_SECONDS = 3_600;

export interface ModelIntegration {
  id: string;
  letter: 'A' | 'B';
  state: SchoolState;
  /** How its next reading goes. */
  how: Reading;
  policy: SyncPolicy;
}

type ModelPolicy = { email: FieldPolicy };

/** The run that somebody asked for was said to be this one. */
export interface Answer extends Pick<Run, 'kind' | 'rollsBack' | 'entityType'> {
  runId: string;
}

/** Small schools need a small floor for the guard to have something to do. */
export const policyWith = ({ email }: ModelPolicy): SyncPolicy =>
  syncPolicy.parse({ guard: { floor: 3, deactivatedPercent: 25 }, fields: { STUDENT: { email } } });

/** One institution with two integrations on a real database, and the processes that work for it. */
export class ModelSchool {
  readonly institutionId = randomUUID();
  readonly integrations: [ModelIntegration, ModelIntegration];
  readonly roster: RosterService;
  readonly #mappings: MappingService;
  readonly #store: IntegrationStore;
  /** Leaves the transaction under way: what others do is none of it. */
  readonly #asOthers = AsyncLocalStorage.snapshot();
  /** What those who asked for a run were answered since `takeAnswers`. */
  #answers: Answer[] = [];
  /** What others do that waits for the process in trouble. */
  readonly #beside: Promise<unknown>[] = [];

  constructor(
    readonly database: Database,
    { states }: { states: readonly [SchoolState, SchoolState] },
  ) {
    this.roster = new RosterService(database);
    this.#mappings = new MappingService(database);
    this.#store = new IntegrationStore(database);
    const newIntegration = (letter: 'A' | 'B', state: SchoolState): ModelIntegration => {
      return {
        id: randomUUID(),
        letter,
        state: structuredClone(state),
        how: WHOLE,
        policy: policyWith({ email: 'SOURCE' }),
      };
    };
    this.integrations = [newIntegration('A', states[0]), newIntegration('B', states[1])];
  }

  async open(): Promise<void> {
    for (const integration of this.integrations) await this.#add(integration);
  }

  snapshot(): Promise<Snapshot> {
    return takeSnapshot(this.database, this.institutionId);
  }

  takeAnswers(): readonly Answer[] {
    const answers = this.#answers;
    this.#answers = [];
    return answers;
  }

  /** Does one step, and what must follow it: what died is taken up. `now`: how all stands before it. */
  async perform(step: Step, now: Snapshot): Promise<void> {
    switch (step.do) {
      case 'sync':
        this.#change(step.of, step.changes, step.how);
        return this.#inTrouble(step.of, step.trouble, now, (syncs) =>
          this.#ask(syncs, step.of, { entityType: step.scope }),
        );
      case 'preview':
        this.#change(step.of, step.changes);
        await this.#inTrouble(step.of, step.trouble, now, (syncs) =>
          this.#ask(syncs, step.of, { entityType: step.scope, kind: 'PREVIEW' }),
        );
        return this.#end(step.ending, now);
      case 'push':
        this.#change(step.of, [step.change], { ...WHOLE, entities: 'partial' });
        // A push does not take up what died: it waits until somebody else has.
        return this.#inTrouble(
          step.of,
          step.trouble && { ...step.trouble, recovery: 'found' },
          now,
          (syncs) => this.#push(syncs, step),
        );
      case 'sync both': {
        this.#change(0, step.changes);
        this.#change(1, step.changes);
        const both = ([0, 1] as const).map((of) =>
          this.#expectRefusal(this.#newProcess().syncs.sync(this.#key(of, step.scope))),
        );
        await Promise.all(both);
        return;
      }
      case 'approve': {
        const waiting = waitingOf(now);
        const run = latestOf(waiting, step.nth);
        if (!run) return;
        return this.#inTrouble(this.#of(run), step.trouble, now, (syncs) =>
          syncs.approve(run.integrationId, run.id, 'as it was shown', { rekey: step.rekey }),
        );
      }
      case 'roll back':
        return this.#rollBack(step, now);
      default:
        return this.#byHand(step, now);
    }
  }

  /** Syncs without any trouble, and approves what is held: from here on all is as the sources have it. */
  async settle(of: Which, scope: SyncScope): Promise<void> {
    this.#change(of, []);
    const { syncs } = this.#newProcess();
    const { status, runId } = await syncs.sync(this.#key(of, scope));
    if (status === 'HELD') await syncs.approve(this.integrations[of].id, runId, 'settled');
  }

  async #byHand(step: Step, now: Snapshot): Promise<void> {
    const people = now.entities.filter(({ type, mergedInto }) => type === STUDENT && !mergedInto);
    const pick = (nth: number) => people[nth % Math.max(1, people.length)];
    switch (step.do) {
      case 'decide':
        return this.#decide(step, now);
      case 'decide all': {
        const key = { integrationId: this.integrations[step.of].id, institutionId: this.institutionId };
        const { conflicts } = this.#newProcess().syncs;
        const decision = { entityType: STUDENT, rule: 'nationalId', resolution: step.resolution } as const;
        return this.#expectRefusal(conflicts.resolveInBulk(key, decision));
      }
      case 'edit': {
        const person = pick(step.nth);
        if (person) await this.roster.putStudent(this.institutionId, person.id, editOf(person, step));
        return;
      }
      case 'put': {
        const { givenName, familyName, nationalId } = PEOPLE[step.person] as (typeof PEOPLE)[number];
        // A backend that knows its people puts nobody in twice.
        if (people.some(({ fields }) => fields.nationalId === nationalId || fields.familyName === familyName))
          return;
        await this.roster.putStudent(this.institutionId, randomUUID(), { givenName, familyName, nationalId });
        return;
      }
      case 'mark':
        return this.#mark(pick(step.nth), now);
      case 'merge': {
        const [keep, drop] = [pick(step.keep), pick(step.drop)];
        if (!keep || !drop) return;
        const { id: integrationId } = this.integrations[step.of];
        const kept = now.mappings.find(
          (one) =>
            one.integrationId === integrationId && one.internalId === (step.keepDropped ? drop : keep).id,
        );
        const ids = { keepInternalId: keep.id, dropInternalId: drop.id, keepExternalId: kept?.externalId };
        return this.#expectRefusal(
          this.#mappings.repairs.merge({ integrationId, entityType: STUDENT, ...ids }),
        );
      }
      case 'rekey':
        return this.#rekey(step);
      case 'unlink': {
        const { id: integrationId } = this.integrations[step.of];
        const unlink = { integrationId, entityType: STUDENT, externalId: studentId(step.slot) };
        return this.#expectRefusal(this.#mappings.repairs.unlink(unlink));
      }
      case 'policy': {
        const integration = this.integrations[step.of];
        integration.policy = policyWith(step);
        const values = [integration.id, integration.policy];
        await this.database.execute('UPDATE integrations SET policy = $2 WHERE id = $1', values);
        return;
      }
      case 'upgrade':
        return this.#upgrade(step, now);
      case 'delete':
        await this.#delete(step.of);
        return this.#addDeleted();
    }
  }

  #change(of: Which, changes: Parameters<typeof changeSchool>[1][], how: Reading = WHOLE): void {
    const integration = this.integrations[of];
    for (const change of changes) changeSchool(integration.state, change);
    integration.how = how;
  }

  #push(syncs: SyncService, { of, change }: Extract<Step, { do: 'push' }>): Promise<unknown> {
    const { state, letter, policy } = this.integrations[of];
    const slot = change.of === 'student' ? change.slot : 0;
    const pushed: SchoolState = {
      ...state,
      students: state.students.map((row, at) => (at === slot ? row : null)),
    };
    if (rowsOf(pushed, letter, STUDENT).size === 0) return Promise.resolve();
    const { entities } = sourceOf(pushed, letter, STUDENT, WHOLE);
    return syncs.syncPushed(
      { ...this.#key(of, STUDENT), entityType: STUDENT },
      { entities, partial: true },
      policy,
    );
  }

  async #rollBack(
    { of, nth, preview, trouble }: Extract<Step, { do: 'roll back' }>,
    now: Snapshot,
  ): Promise<void> {
    const done = doneOf(now, this.integrations[of].id);
    // The latest ones most of all.
    const run = latestOf(done, nth < 6 ? 0 : nth);
    if (!run) return;
    await this.#inTrouble(of, trouble, now, (syncs) => this.#askBack(syncs, run, preview !== null));
    if (preview) await this.#end(preview, now);
  }

  /** What a person does with a plan that was made since `now`. */
  async #end(how: Ending, now: Snapshot): Promise<void> {
    if (how === 'approve later') return;
    const plan = waitingOf(await this.snapshot()).find(({ id }) => !now.runs.some((run) => run.id === id));
    if (!plan) return;
    const { syncs } = this.#newProcess();
    await (how === 'approve'
      ? syncs.approve(plan.integrationId, plan.id, 'as it was shown')
      : syncs.discard(plan.integrationId, plan.id, 'not now'));
  }

  async #decide(
    { of, nth, resolution, candidate }: Extract<Step, { do: 'decide' }>,
    now: Snapshot,
  ): Promise<void> {
    const { id: integrationId } = this.integrations[of];
    const conflicts = now.conflicts.filter(
      (one) => one.integrationId === integrationId && one.type === STUDENT,
    );
    const conflict = conflicts[nth % Math.max(1, conflicts.length)];
    if (!conflict) return;
    const target = candidateOf(conflict, candidate);
    const { conflicts: store } = this.#newProcess().syncs;
    const key = { integrationId, institutionId: this.institutionId };
    const isLink = resolution === 'LINK';
    if (isLink && !target) return;
    await this.#expectRefusal(store.resolve(key, conflict.id, resolution, isLink ? target : undefined));
  }

  async #mark(student: Entity | undefined, { entities }: Snapshot): Promise<void> {
    const group = entities.find(({ type }) => type === GROUP);
    if (!student || !group) return;
    const { institutionId } = this;
    const session = {
      id: randomUUID(),
      institutionId,
      groupId: group.id,
      courseId: null,
      teacherId: null,
      topic: null,
    };
    const [startsAt, endsAt] = [new Date('2026-03-02T11:00Z'), new Date('2026-03-02T12:30Z')];
    await this.roster.putClassSession({ ...session, startsAt, endsAt });
    const mark = { arrivalTime: null, permanencePercentage: null, origin: null, source: null, remarks: null };
    await this.roster.recordAttendance(institutionId, session.id, [
      { ...mark, status: 'PRESENT', studentId: student.id },
    ]);
  }

  /** The school changes an id, in its own system as well or not yet. */
  async #rekey({ of, from, to, withSpace, inSource }: Extract<Step, { do: 'rekey' }>): Promise<void> {
    const { id: integrationId, state } = this.integrations[of];
    const ids = { externalId: studentId(from), newExternalId: `${studentId(to)}${withSpace ? ' ' : ''}` };
    await this.#expectRefusal(this.#mappings.repairs.rekey({ integrationId, entityType: STUDENT, ...ids }));
    if (!inSource || from === to || state.students[to]) return;
    state.students[to] = state.students[from] ?? null;
    state.students[from] = null;
  }

  /** What a version before wrote of some is not what this one makes of their rows. */
  async #upgrade({ of, count }: Extract<Step, { do: 'upgrade' }>, now: Snapshot): Promise<void> {
    const integration = this.integrations[of];
    const read = digestsOf(integration, STUDENT, { older: true });
    const mappings = now.mappings.filter(
      (one) =>
        one.integrationId === integration.id &&
        one.type === STUDENT &&
        one.isRead &&
        read.has(one.externalId),
    );
    for (const { internalId, externalId } of mappings.slice(0, count)) {
      const person = now.entities.find(({ id }) => id === internalId);
      if (!person) continue;
      // By an edit it comes into the feed as well.
      const fields = editOf(person, { field: 'givenName', value: 1 });
      await this.roster.putStudent(this.institutionId, internalId, fields);
      await this.database.execute(
        `UPDATE integration_mappings SET digest = encode($3::bytea, 'hex')::uuid
         WHERE integration_id = $1 AND entity_type = 'STUDENT' AND external_id = $2`,
        [integration.id, externalId, read.get(externalId)],
      );
    }
  }

  /** Does the work of a process that gets into trouble, and then what brings all to its end. */
  async #inTrouble(
    of: Which,
    trouble: Trouble | null,
    now: Snapshot,
    work: (syncs: SyncService) => Promise<unknown>,
  ): Promise<void> {
    const process = this.#newProcess(trouble ? (claims) => this.#faultOf(of, trouble, claims) : undefined);
    await this.#expectRefusal(work(process.syncs), process);
    await process.settled();
    for (const failure of await Promise.all(this.#beside.splice(0))) if (failure) throw failure;
    const isOver = trouble === null || !process.isDone || trouble.kind === 'late' || trouble.kind === 'met';
    if (!isOver && trouble.kind !== 'deleted') {
      await this.#expire();
      const { syncs } = this.#newProcess();
      const { id } = this.integrations[of];
      const before = doneOf(now, id).at(-1);
      if (trouble.recovery === 'the same') await this.#expectRefusal(work(syncs));
      if (trouble.recovery === 'everything')
        await this.#expectRefusal(this.#ask(syncs, of, { entityType: 'ALL' }));
      if (trouble.recovery === 'roll back' && before)
        await this.#expectRefusal(this.#askBack(syncs, before, false));
      await this.#takeUp(of);
    }
    await this.#addDeleted();
  }

  /** Asks for a run, and keeps what was answered. */
  async #ask(
    syncs: SyncService,
    of: Which,
    { entityType, kind = 'SYNC' }: { entityType: SyncScope; kind?: Run['kind'] },
  ): Promise<void> {
    const { runId } = await syncs.sync({ ...this.#key(of, entityType), kind });
    this.#answers.push({ runId, kind, rollsBack: null, entityType });
  }

  async #askBack(
    syncs: SyncService,
    { integrationId, id, entityType }: Run,
    preview: boolean,
  ): Promise<void> {
    const { runId } = await syncs.rollBack(integrationId, id, { preview });
    this.#answers.push({ runId, kind: preview ? 'PREVIEW' : 'ROLLBACK', rollsBack: id, entityType });
  }

  #faultOf(of: Which, { kind, at }: Trouble, own: () => SyncService): Fault {
    if (kind === 'killed') return kill(at);
    return {
      at,
      strike: ({ inTransaction }) =>
        this.#asOthers(async () => {
          // On the embedded database nobody else can do anything while a transaction is open.
          if (inTransaction && this.database.isExclusive) return false;
          if (kind === 'deleted') {
            const gone = this.#delete(of);
            // It may wait for what the process holds elsewhere.
            await this.#doBeside(gone, !this.database.isExclusive);
            return true;
          }
          if (kind === 'met') {
            const asked = this.#ask(this.#newProcess().syncs, of, { entityType: 'ALL' });
            await this.#doBeside(this.#expectRefusal(asked), inTransaction);
            return true;
          }
          if (!(await this.#expire())) return false;
          if (kind === 'late') {
            for (const scope of ['ALL', ...TYPES] as const) {
              if (await own().claims.claimDead(this.#key(of, scope)))
                throw new Error(`a process takes its own run of ${scope} over`);
            }
            return true;
          }
          await this.#doBeside(this.#takeUp(of), inTransaction);
          return true;
        }),
    };
  }

  /**
   * Waits for what others do, unless they may wait for the process in trouble: then they are waited for in the
   * end.
   */
  #doBeside(work: Promise<void>, isInTheWay: boolean): Promise<void> | undefined {
    if (!isInTheWay) return work;
    this.#beside.push(
      work.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    return undefined;
  }

  /** Lets the leases run out that nobody is just about to renew. False: there was none. */
  async #expire(): Promise<boolean> {
    const expired = await this.database.execute(
      `UPDATE leases SET expires_at = clock_timestamp() - interval '1 second' WHERE (integration_id, resource) IN (
         SELECT integration_id, resource FROM leases WHERE integration_id = ANY($1::uuid[]) FOR UPDATE SKIP LOCKED)`,
      [this.integrations.map(({ id }) => id)],
    );
    return expired > 0;
  }

  /** Another process finds the runs whose process died, and does them. */
  async #takeUp(of: Which): Promise<void> {
    const { syncs } = this.#newProcess();
    // The parts of a run of everything go on with it.
    for (const scope of ['ALL', ...TYPES] as const) {
      const claimed = await syncs.claims.claimDead(this.#key(of, scope));
      if (claimed) await this.#expectRefusal(syncs.carryOut(claimed));
    }
  }

  #newProcess(fault?: (syncs: () => SyncService) => Fault) {
    const process = faultyDatabase(
      this.database,
      fault?.(() => syncs),
    );
    const integrationOf = (id: string) => this.integrations.find((one) => one.id === id);
    const syncs: SyncService = syncServiceOf(
      process.database,
      (type, id) => {
        const integration = integrationOf(id);
        // Deleted while the process was at it.
        if (!integration) throw new Error('The school system is no longer connected.');
        return sourceOf(integration.state, integration.letter, type, integration.how);
      },
      {
        entityTypes: TYPES,
        ttlSeconds: LEASE_SECONDS,
        policy: (id) => integrationOf(id)?.policy ?? policyWith({ email: 'SOURCE' }),
      },
    );
    return Object.assign(process, { syncs });
  }

  /** What is asked for may be refused; it never fails by a fault of the service. */
  async #expectRefusal(work: Promise<unknown>, process?: { isKilled: boolean }): Promise<void> {
    try {
      await work;
    } catch (error) {
      const isOfItsDeath =
        process?.isKilled && (error instanceof ProcessKilled || isOf(ProcessKilled, error));
      const isRefusal =
        error instanceof ServiceError &&
        (error.reason !== 'BUSY' || this.#deleted.length > 0) &&
        error.code !== 'unavailable';
      if (!isOfItsDeath && !isRefusal) throw error;
    }
  }

  #key(of: Which, entityType: SyncScope) {
    return { integrationId: this.integrations[of].id, institutionId: this.institutionId, entityType };
  }

  #of({ integrationId }: Run): Which {
    return this.integrations[0].id === integrationId ? 0 : 1;
  }

  async #add({ id, policy }: ModelIntegration): Promise<void> {
    await this.database.execute(
      `INSERT INTO integrations (id, institution_id, provider, credentials, policy) VALUES ($1, $2, 'GENERIC_CSV', '', $3)`,
      [id, this.institutionId, policy],
    );
  }

  readonly #deleted: ModelIntegration[] = [];
  /** Ids of integrations that were deleted: nothing may be left of them. */
  readonly deletedIds: string[] = [];

  async #delete(of: Which): Promise<void> {
    const integration = this.integrations[of];
    this.#deleted.push(integration);
    while (!this.deletedIds.includes(integration.id)) {
      // A deletion and a run may wait for each other: then one of the two is asked to try again.
      await this.#expectRefusal(
        this.#store.delete(integration.id, async () => {}).then(() => this.deletedIds.push(integration.id)),
      );
    }
  }

  /** Makes those again that were deleted. */
  async #addDeleted(): Promise<void> {
    for (const integration of this.#deleted.splice(0)) {
      integration.id = randomUUID();
      await this.#add(integration);
    }
  }
}

function isOf(type: typeof ProcessKilled, error: unknown): boolean {
  return (
    error instanceof Error &&
    error.cause !== undefined &&
    (error.cause instanceof type || isOf(type, error.cause))
  );
}
