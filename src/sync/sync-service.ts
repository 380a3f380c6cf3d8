import { setTimeout as sleep } from 'node:timers/promises';
import type { MappingEntityType, RecordSource, SyncResult } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { Logger } from '../observability/index.js';
import type { Page, PageRequest } from '../paging.js';
import { adoptMappings } from './adopt-mappings.js';
import { ChangeStore, type ListChangesRequest, type SyncChange } from './change-store.js';
import { ConflictStore } from './conflict-store.js';
import { approvePlan, finishApplied, report, type SyncReport, walkCorridor } from './corridor.js';
import { ENTITY_SPECS } from './entity-spec.js';
import { exportIssues, type IssueExport } from './issue-export/index.js';
import type { SyncPolicy } from './policy.js';
import { SourceFailure } from './read.js';
import { walkBack } from './rollback.js';
import { LEASE_SECONDS, type RunKey, type RunRequest, RunStore } from './run-store.js';
import { addCounts, noCounts, type SyncRun } from './sync-run.js';

/** How often a process may die on a run before the run is given up. */
const MAX_ATTEMPTS = 5;
/** How long pushed records wait for another run. */
const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 100;
/** From so many new entities on the statistics of the database are out of date. */
const MANY = 1_000;

/** Takes what a connector reads through the corridor. */
export type Corridor = (source: RecordSource) => Promise<SyncReport>;

/** Has the entities of one type read, by way of the corridor or with mappings of the connector's own. */
export type ReadEntities = (entityType: MappingEntityType, corridor: Corridor) => Promise<SyncResult>;

/** What a run does: asks the connector for its entities. */
export interface SyncWork {
  /** The entity types that a run of all of them goes through, in this order. */
  entityTypes: readonly MappingEntityType[];
  policy: SyncPolicy;
  /** Opens the school system for as long as `use` runs, which may then read one entity type after the other. */
  open<T>(use: (read: ReadEntities) => Promise<T>): Promise<T>;
}

/** Runs syncs: one at a time for each integration and entity type, over all processes that share the database. */
export class SyncService {
  readonly runs: RunStore;
  readonly conflicts: ConflictStore;
  readonly #changes: ChangeStore;
  readonly #database: Database;
  readonly #logger: Logger;

  constructor({ database, logger }: { database: Database; logger: Logger }) {
    this.#database = database;
    this.#logger = logger;
    this.runs = new RunStore(database);
    this.conflicts = new ConflictStore(database);
    this.#changes = new ChangeStore(database);
  }

  /**
   * Begins a run and does it. Throws `aborted` when one is under way. A source that fails, and a plan that is held, is a
   * report with success false; a fault of ours is thrown, and the run is FAILED all the same.
   */
  async sync(request: RunRequest, work: SyncWork): Promise<SyncReport> {
    while (true) {
      const run = await this.runs.begin(request);
      // A run that was taken up may be another one than was asked for: it is brought to its end first.
      const isSame = run.kind === (request.kind ?? 'SYNC') && !run.approvedAt && !run.rollsBack && !run.appliedPosition;
      const asked = run.attempt === 1 || isSame;
      const done = await this.carryOut(run, work);
      if (asked) return done;
    }
  }

  /**
   * The same for a few records that were pushed to us: it waits while another run of the same is under way, and takes up
   * none that was abandoned, whose work is another. Throws `aborted` when it has to wait for too long.
   */
  async syncPushed(key: RunKey, source: RecordSource, policy: SyncPolicy): Promise<SyncReport> {
    const end = performance.now() + PATIENCE_MS;
    while (true) {
      const run = await this.runs.beginNew(key);
      if (run) return this.carryOut(run, { entityTypes: [], policy, open: (use) => use((_type, corridor) => corridor(source)) });
      if (performance.now() > end) {
        throw new ServiceError('aborted', `A sync of ${key.entityType} is under way for this integration. Push again later.`, {
          reason: 'SYNC_ALREADY_RUNNING',
        });
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Applies a plan that is HELD or PREVIEWED, as it was shown. `decision`: what the person says. */
  async approve(integrationId: string, runId: string, decision: string): Promise<SyncReport> {
    const run = await this.runs.get(integrationId, runId);
    if (run.entityType !== 'ALL')
      return this.#pulsing(await this.runs.approve(integrationId, runId, decision), (own) => this.#approved(own));
    const waiting = (await this.runs.parts(integrationId, runId)).filter(
      ({ status }) => status === 'HELD' || status === 'PREVIEWED',
    );
    const whole = await this.runs.approve(integrationId, runId, decision);
    return this.#pulsing(whole, () =>
      this.#inParts(whole, waiting, async (part) => {
        const own = await this.runs.approve(integrationId, part.id, decision);
        return this.#pulsing(own, () => this.#approved(own));
      }),
    );
  }

  /** Puts a plan away that is HELD or PREVIEWED. */
  async discard(integrationId: string, runId: string, decision: string): Promise<SyncRun> {
    for (const part of await this.runs.parts(integrationId, runId)) {
      if (part.status === 'HELD' || part.status === 'PREVIEWED') await this.runs.discard(integrationId, part.id, decision);
    }
    return this.runs.discard(integrationId, runId, decision);
  }

  /**
   * Takes back what a run did: fields, mappings and statuses are again as before it. What was changed since is refused
   * and listed. With `preview`, the plan waits to be approved. Throws `failed_precondition` for a run that did nothing.
   */
  async rollBack(integrationId: string, runId: string, { preview = false }: { preview?: boolean } = {}): Promise<SyncReport> {
    const target = await this.runs.get(integrationId, runId);
    if (target.status !== 'COMPLETED') {
      throw new ServiceError('failed_precondition', `Run ${runId} is ${target.status}; only a COMPLETED one can be taken back.`, {
        reason: 'SYNC_RUN_NOT_COMPLETED',
      });
    }
    if (target.kind === 'MANUAL') {
      throw new ServiceError('failed_precondition', 'A person repaired mappings in that run: repair them once more instead.', {
        reason: 'SYNC_RUN_MANUAL',
      });
    }
    const { institutionId, entityType } = target;
    const request: RunRequest = {
      integrationId,
      institutionId,
      entityType,
      kind: preview ? 'PREVIEW' : 'ROLLBACK',
      rollsBack: runId,
    };
    const run = await this.runs.begin(request);
    if (entityType !== 'ALL') return this.#pulsing(run, () => this.#walkBack(run));
    // The last part first: memberships go before the people in them.
    const parts = (await this.runs.parts(integrationId, runId)).filter(({ status }) => status === 'COMPLETED').reverse();
    return this.#pulsing(run, () =>
      this.#inParts(run, parts, async (part) => {
        const own = await this.runs.begin({ ...request, entityType: part.entityType, rollsBack: part.id, parentId: run.id });
        return this.#pulsing(own, () => this.#walkBack(own));
      }),
    );
  }

  /** What a run did, or would do, change by change. */
  async listChanges(integrationId: string, runId: string, request: ListChangesRequest): Promise<Page<SyncChange>> {
    await this.runs.get(integrationId, runId);
    return this.#changes.list(integrationId, runId, request);
  }

  /** The rows of a run that failed, as a file; see `exportIssues`. */
  async exportIssues(integrationId: string, runId: string, file: string | undefined): Promise<IssueExport> {
    return exportIssues(this.#database, await this.runs.get(integrationId, runId), file);
  }

  /** The conflicts of an integration; those that wait for a person unless asked otherwise. */
  listConflicts(integrationId: string, request: PageRequest & { resolved?: boolean | undefined }) {
    return this.conflicts.list(integrationId, request);
  }

  /** Does a run that has begun: a new one, or one that was taken up from a process that died. */
  async carryOut(run: SyncRun, work: SyncWork): Promise<SyncReport> {
    return this.#pulsing(run, async () => {
      if (run.attempt > MAX_ATTEMPTS) throw new SourceFailure(`${MAX_ATTEMPTS} processes died while this run was under way.`);
      // The process died between the last write of the run and the word that it was done.
      if (run.appliedPosition) return finishApplied(this.#database, run);
      if (run.approvedAt && run.entityType !== 'ALL') return this.#approved(run);
      if (run.rollsBack && run.entityType !== 'ALL') return this.#walkBack(run);
      const { integrationId, institutionId, entityType, kind, guard } = run;
      if (entityType !== 'ALL') return work.open((read) => this.#do(run, entityType, read, work.policy));
      // All parts see the school system as it was opened once.
      return work.open((read) =>
        this.#inParts(run, work.entityTypes, async (part) => {
          const request = { integrationId, institutionId, entityType: part, kind, guard: guard ?? undefined, parentId: run.id };
          return this.carryOut(await this.runs.begin(request), { ...work, open: (use) => use(read) });
        }),
      );
    });
  }

  /** Keeps a run alive while it is worked on, and ends it with what comes of it. */
  async #pulsing(run: SyncRun, work: (run: SyncRun) => Promise<SyncReport>): Promise<SyncReport> {
    const logger = this.#logger.child({ runId: run.id, integrationId: run.integrationId, entityType: run.entityType });
    const pulse = setInterval(
      () => {
        this.runs.heartbeat(run).catch((error: unknown) => logger.warn({ err: error }, 'heartbeat of a sync run failed'));
      },
      (LEASE_SECONDS * 1_000) / 3,
    );
    const end = (status: SyncRun['status'], error: string | null) => this.runs.finish(Object.assign(run, { status, error }));
    try {
      const done = await work(run);
      await end(done.status, done.success ? run.error : (done.errors[0] ?? 'The connector reports that it failed.'));
      logger.info({ status: done.status, counts: run.counts, timings: run.timings }, 'sync run done');
      if (run.entityType !== 'ALL' && run.counts.created >= MANY) this.#learn(ENTITY_SPECS[run.entityType].table, logger);
      return done;
    } catch (error) {
      if (!(error instanceof SourceFailure)) {
        await end('FAILED', 'The service had an internal error; its log tells more.');
        throw error;
      }
      logger.warn({ reason: error.message }, 'sync run failed at its source');
      await end('FAILED', error.message);
      return { ...(await report(this.#database, run)), counts: run.counts };
    } finally {
      clearInterval(pulse);
    }
  }

  /**
   * Lets PostgreSQL look at what came in, beside the answer: until its own maintenance comes along it would take tables
   * for empty that have grown by a school, and plan the statements of small runs accordingly.
   */
  #learn(table: string, logger: Logger): void {
    if (!this.#database.copies) return;
    this.#database
      .execute(`ANALYZE ${table}, integration_mappings`)
      .catch((error: unknown) => logger.warn({ err: error }, 'statistics were not brought up to date'));
  }

  #approved(run: SyncRun): Promise<SyncReport> {
    return approvePlan({ database: this.#database, runs: this.runs, run });
  }

  #walkBack(run: SyncRun): Promise<SyncReport> {
    return walkBack({ database: this.#database, runs: this.runs, run });
  }

  /** One run of several, with one report. A source that fails ends it; a held part does not keep the others. */
  async #inParts<T>(run: SyncRun, parts: Iterable<T>, work: (part: T) => Promise<SyncReport>): Promise<SyncReport> {
    const done: SyncReport['parts'] = [];
    Object.assign(run, { counts: noCounts(), membershipCounts: noCounts() });
    for (const part of parts) {
      const one = await work(part);
      const { entityType } = await this.runs.get(run.integrationId, one.runId);
      done.push({ ...one, entityType });
      addCounts(run.counts, one.counts);
      addCounts(run.membershipCounts, one.membershipCounts);
      if (one.status === 'FAILED') break;
    }
    const worst = (['FAILED', 'HELD', 'PREVIEWED'] as const).find((status) => done.some((part) => part.status === status));
    run.status = worst ?? 'COMPLETED';
    run.error = done.find(({ success }) => !success)?.errors[0] ?? null;
    const all = <V>(pick: (part: SyncReport) => readonly V[]) => done.flatMap((part) => [...pick(part)]);
    const sum = (pick: (part: SyncReport) => number) => done.reduce((total, part) => total + pick(part), 0);
    const mappings = all((part) => part.mappings);
    return {
      ...(await report(this.#database, run)),
      synced: sum((part) => part.synced),
      errors: all((part) => part.errors).slice(0, 100),
      errorCount: sum((part) => part.errorCount),
      warningCount: sum((part) => part.warningCount),
      mappings: mappings.slice(0, 1_000),
      mappingsTruncated: mappings.length > 1_000 || done.some((part) => part.mappingsTruncated),
      gaps: all((part) => part.gaps),
      parts: done,
    };
  }

  async #do(run: SyncRun, entityType: MappingEntityType, read: ReadEntities, policy: SyncPolicy): Promise<SyncReport> {
    let done: SyncReport | undefined;
    let fault: unknown;
    const corridor: Corridor = async (source) => {
      try {
        done = await walkCorridor({ database: this.#database, runs: this.runs, run, source, policy });
        return done;
      } catch (error) {
        fault = error;
        throw error;
      }
    };
    const result = await read(entityType, corridor).catch((error: unknown) => {
      // Ours passes as it is, whatever the connector made of it; all else is the connector's.
      throw fault ?? (error instanceof SourceFailure ? error : new SourceFailure(error));
    });
    if (done) return done;
    if (run.kind === 'PREVIEW')
      throw new SourceFailure('This connector writes its entities itself: its syncs cannot be previewed.');
    return adoptMappings(this.#database, run, result);
  }
}
