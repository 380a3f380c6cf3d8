import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { RecordSource } from '../connectors/index.js';
import type { Database, Leases } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { Logger } from '../observability/index.js';
import type { Page, PageRequest } from '../paging.js';
import { ChangeStore, type ListChangesRequest, type SyncChange } from './change-store.js';
import { ConflictStore } from './conflict-store.js';
import { dispatch, type SyncWork, taskOf } from './dispatch.js';
import { ENTITY_SPECS } from './entity-spec.js';
import { exportIssues, type IssueExport } from './issue-export/index.js';
import { runPipeline } from './pipeline.js';
import type { SyncPolicy } from './policy.js';
import { SourceFailure } from './read.js';
import { report, type SyncReport } from './report.js';
import { type HeldRun, type RunKey, type RunRequest, RunStore } from './run-store.js';
import type { SyncContext } from './sync-context.js';
import type { SyncRun, SyncScope } from './sync-run.js';

/** How long pushed records wait for another run. */
const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 100;
/** From so many new entities on the statistics of the database are out of date. */
const MANY = 1_000;

export interface SyncServiceOptions {
  database: Database;
  leases: Leases;
  logger: Logger;
  /** The school system of an integration. */
  workOf: (integrationId: string) => Promise<SyncWork>;
}

/**
 * Runs syncs: one at a time for each integration and entity type, over all processes that share the database.
 */
export class SyncService {
  readonly runs: RunStore;
  readonly conflicts: ConflictStore;
  readonly #changes: ChangeStore;
  readonly #options: SyncServiceOptions;

  constructor(options: SyncServiceOptions) {
    const { database, leases } = options;
    this.#options = options;
    this.runs = new RunStore(database, leases);
    this.conflicts = new ConflictStore(database);
    this.#changes = new ChangeStore(database);
  }

  /**
   * Begins a run and does it. Throws `aborted` when one is under way. A source that fails, and a plan that is
   * held, is a report with success false; a fault of ours is thrown, and the run is FAILED all the same.
   */
  async sync(request: RunRequest): Promise<SyncReport> {
    return this.#start(request);
  }

  /**
   * The same for a few records that were pushed to us: it waits while another run of the same is under way.
   * Throws
   * `aborted` when it has to wait for too long.
   */
  async syncPushed(key: RunKey, source: RecordSource, policy: SyncPolicy): Promise<SyncReport> {
    const end = performance.now() + PATIENCE_MS;
    while (true) {
      const held = await this.runs.create({ ...key, pushed: true });
      if (held) return this.#withLease(held, (context) => runPipeline(context, source, policy));
      if (performance.now() > end) {
        throw new ServiceError(
          'aborted',
          `A sync of ${key.entityType} is under way for this integration. Push again later.`,
          {
            reason: 'SYNC_ALREADY_RUNNING',
          },
        );
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Applies a plan that is HELD or PREVIEWED, as it was shown. `decision`: what the person says. */
  async approve(integrationId: string, runId: string, decision: string): Promise<SyncReport> {
    return this.carryOut(await this.runs.approve(integrationId, runId, decision));
  }

  /** Puts a plan away that is HELD or PREVIEWED. */
  async discard(integrationId: string, runId: string, decision: string): Promise<SyncRun> {
    await this.runs.assertWaiting(integrationId, runId);
    for (const part of await this.runs.parts(integrationId, runId)) {
      if (part.status === 'HELD' || part.status === 'PREVIEWED')
        await this.runs.discard(integrationId, part.id, decision);
    }
    return this.runs.discard(integrationId, runId, decision);
  }

  /**
   * Takes back what a run did: fields, mappings and statuses are again as before it. What was changed since
   * is refused and listed. With `preview`, the plan waits to be approved. Throws `failed_precondition` for a
   * run that did nothing.
   */
  async rollBack(
    integrationId: string,
    runId: string,
    { preview = false }: { preview?: boolean } = {},
  ): Promise<SyncReport> {
    const target = await this.runs.get(integrationId, runId);
    if (target.status !== 'COMPLETED') {
      throw new ServiceError(
        'failed_precondition',
        `Run ${runId} is ${target.status}; only a COMPLETED one can be taken back.`,
        {
          reason: 'SYNC_RUN_NOT_COMPLETED',
        },
      );
    }
    if (target.kind === 'MANUAL') {
      throw new ServiceError(
        'failed_precondition',
        'A person repaired mappings in that run: repair them once more instead.',
        {
          reason: 'SYNC_RUN_MANUAL',
        },
      );
    }
    const { institutionId, entityType } = target;
    const kind = preview ? 'PREVIEW' : 'ROLLBACK';
    return this.#start({ integrationId, institutionId, entityType, kind, rollsBack: runId });
  }

  /** What a run did, or would do, change by change. */
  async listChanges(
    integrationId: string,
    runId: string,
    request: ListChangesRequest,
  ): Promise<Page<SyncChange>> {
    await this.runs.get(integrationId, runId);
    return this.#changes.list(integrationId, runId, request);
  }

  /** The rows of a run that failed, as a file; see `exportIssues`. */
  async exportIssues(integrationId: string, runId: string, file: string | undefined): Promise<IssueExport> {
    return exportIssues(this.#options.database, await this.runs.get(integrationId, runId), file);
  }

  /** The conflicts of an integration; those that wait for a person unless asked otherwise. */
  listConflicts(integrationId: string, request: PageRequest & { resolved?: boolean | undefined }) {
    return this.conflicts.list(integrationId, request);
  }

  /**
   * Does a run that this process holds, as it was asked for: a new one, or one that was claimed from a dead
   * process.
   */
  carryOut(held: HeldRun): Promise<SyncReport> {
    return this.#withLease(held, (context) =>
      dispatch({
        ...context,
        work: () => this.#options.workOf(held.run.integrationId),
        doPart: (part, work) => this.#withLease(part, work),
        endDead: (key) => this.#endDead(key),
      }),
    );
  }

  /**
   * Begins what is asked for and does it. A run of the same that died on the way is brought to its end first,
   * as it was asked for.
   */
  async #start(request: RunRequest): Promise<SyncReport> {
    while (true) {
      const created = await this.runs.create(request);
      if (created) return this.carryOut(created);
      const claimed = await this.runs.claimDead(request);
      if (claimed) {
        if (isAskedFor(claimed.run, request)) return this.carryOut(claimed);
        await this.#endClaimed(claimed);
        continue;
      }
      const running = await this.runs.alreadyRunning(request);
      if (running) throw running;
    }
  }

  async #endDead(key: RunKey): Promise<void> {
    const claimed = await this.runs.claimDead(key);
    if (claimed) await this.#endClaimed(claimed);
  }

  /** Does a run that nobody waits for here: how it ends is recorded with it. */
  async #endClaimed(claimed: HeldRun): Promise<void> {
    const { id: runId, integrationId } = claimed.run;
    await this.carryOut(claimed).catch((error: unknown) => {
      this.#options.logger.error({ err: error, runId, integrationId }, 'a run that was taken up failed');
    });
  }

  /** Keeps the lease of a run while it is worked on, and ends the run with what comes of it. */
  async #withLease(held: HeldRun, work: (context: SyncContext) => Promise<SyncReport>): Promise<SyncReport> {
    const { run, lease } = held;
    const { database, logger: parent } = this.#options;
    const logger = parent.child({
      runId: run.id,
      integrationId: run.integrationId,
      entityType: run.entityType,
    });
    let done: SyncReport;
    try {
      done = await database.inBackground(() => lease.race(work({ ...held, database, runs: this.runs })));
    } catch (error) {
      return this.#endFailed(held, error, logger);
    }
    const error = done.success ? run.error : (done.errors[0] ?? 'The connector reports that it failed.');
    await this.#finish(held, { status: done.status, error }, logger);
    logger.info({ status: done.status, counts: run.counts, timings: run.timings }, 'sync run done');
    this.#learn(run, logger);
    return done;
  }

  /** Ends a run whose work threw, and throws the same unless its source is at fault. */
  async #endFailed(held: HeldRun, error: unknown, logger: Logger): Promise<SyncReport> {
    const { run, lease } = held;
    // The run is another process's, which brings it to its end.
    if (lease.signal.aborted) throw lease.signal.reason;
    if (error instanceof SourceFailure) {
      logger.warn({ reason: error.message }, 'sync run failed at its source');
      await this.#finish(held, { status: 'FAILED', error: error.message }, logger);
      return { ...(await report(this.#options.database, run)), counts: run.counts };
    }
    await this.#finish(held, this.#endOf(run, error), logger).catch(() => undefined);
    throw error;
  }

  /** What a run comes to whose work threw. */
  async #endOf(run: SyncRun, error: unknown): Promise<Partial<SyncRun>> {
    // What failed came after the last write. Only the database knows whether that was committed.
    const stored = run.appliedPosition ? await this.runs.get(run.integrationId, run.id) : run;
    if (stored.appliedPosition) return { status: 'COMPLETED', error: null };
    const sentence =
      error instanceof ServiceError
        ? error.message
        : 'The service had an internal error; its log tells more.';
    // A plan that could not be applied now waits as before, and for the same reason.
    const isWaiting = error instanceof ServiceError && error.code === 'aborted' && taskOf(run) === 'APPROVAL';
    if (!isWaiting) return { status: 'FAILED', error: sentence };
    return { status: run.kind === 'PREVIEW' ? 'PREVIEWED' : 'HELD', approvedAt: null };
  }

  /**
   * Records the end of a run. Where that fails, the run is given up, to be taken up and ended by whoever
   * finds it.
   */
  async #finish(
    { run, lease }: HeldRun,
    end: Partial<SyncRun> | Promise<Partial<SyncRun>>,
    logger: Logger,
  ): Promise<void> {
    try {
      await this.runs.finish({ run: Object.assign(run, await end), lease });
    } catch (error) {
      if (!lease.signal.aborted) {
        logger.error({ err: error }, 'the end of a sync run could not be recorded; it is taken up again');
        await lease.abandon().catch(() => undefined);
      }
      throw error;
    }
  }

  /**
   * Lets PostgreSQL look at what came in, beside the answer: until its own maintenance comes along it would
   * take tables for empty that have grown by a school, and plan the statements of small runs accordingly.
   */
  #learn(run: SyncRun, logger: Logger): void {
    const { database } = this.#options;
    if (!database.copies || run.entityType === 'ALL' || run.counts.created < MANY) return;
    database
      .execute(`ANALYZE ${ENTITY_SPECS[run.entityType].table}, integration_mappings`)
      .catch((error: unknown) => logger.warn({ err: error }, 'statistics were not brought up to date'));
  }
}

/** Whether a run that was claimed is what a caller asks for, so that its outcome is the answer. */
function isAskedFor(
  run: SyncRun,
  { kind = 'SYNC', guard, rollsBack }: RunRequest & { entityType: SyncScope },
): boolean {
  const task = taskOf(run);
  if (task === 'ROLLBACK') return run.kind === kind && run.rollsBack === rollsBack;
  return (
    task === kind &&
    !run.appliedPosition &&
    isDeepStrictEqual(run.guard ?? null, JSON.parse(JSON.stringify(guard ?? null)))
  );
}
