import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordSource } from '../connectors/index.js';
import type { Database, Leases } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { Logger } from '../observability/index.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, writePageToken } from '../paging.js';
import { ConflictStore } from './conflicts/conflict-store.js';
import { exportIssues, type IssueExport, listIssues } from './issues/index.js';
import {
  findRenumberedIn,
  planRekeys,
  type Renumbered,
  runPipeline,
  type SyncReport,
} from './pipeline/index.js';
import type { SyncPolicy } from './policy.js';
import { type AttemptParts, attempt } from './runs/attempt.js';
import { ChangeStore, type ListChangesRequest, type SyncChange } from './runs/change-store.js';
import { dispatch, isAskedFor, type SyncWork } from './runs/dispatch.js';
import { RunClaims } from './runs/run-claims.js';
import { RunQueue } from './runs/run-queue.js';
import type { HeldRun, RunKey, RunRequest } from './runs/run-request.js';
import { changesDropped } from './runs/run-rows.js';
import { RunStop, RunStopped } from './runs/run-stop.js';
import { RunStore } from './runs/run-store.js';
import { RunWatch } from './runs/run-watch.js';
import type { SyncIssue, SyncRun } from './runs/sync-run.js';

/** How long pushed records wait for another run. */
const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 100;

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
  readonly claims: RunClaims;
  readonly queue: RunQueue;
  readonly watch: RunWatch;
  readonly conflicts: ConflictStore;
  readonly #changes: ChangeStore;
  readonly #options: SyncServiceOptions;
  readonly #attempts: AttemptParts;

  constructor(options: SyncServiceOptions) {
    const { database, leases } = options;
    this.#options = options;
    this.runs = new RunStore(database);
    this.claims = new RunClaims(database, leases, this.runs);
    this.queue = new RunQueue(database, this.claims);
    this.watch = new RunWatch(database, this.runs, options.logger);
    this.#attempts = { database, runs: this.runs, logger: options.logger };
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
      const held = await this.claims.create({ ...key, pushed: true, trigger: 'WEBHOOK' });
      if (held) return attempt(this.#attempts, held, (context) => runPipeline(context, source, policy));
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

  /**
   * Applies a plan that is HELD or PREVIEWED, as it was shown. `decision`: what the person says. With
   * `rekey`, those whom it takes for gone and whose rows came under other ids stay, under these ids; throws
   * `failed_precondition` when there is nobody like that. A run of the same that died on the way is brought
   * to its end first.
   */
  async approve(
    integrationId: string,
    runId: string,
    decision: string,
    { rekey = false }: { rekey?: boolean } = {},
  ): Promise<SyncReport> {
    const run = await this.runs.get(integrationId, runId);
    await this.#endDead(run);
    const shape = (waiting: SyncRun) => this.#shape(waiting, rekey);
    const report = await this.carryOut(await this.claims.approve(integrationId, runId, decision, { shape }));
    // It is decided on by itself: the run of all entity types that waited for it alone is over with it.
    if (run.parentId && report.status === 'COMPLETED')
      await this.runs.completeDecided(integrationId, run.parentId);
    return report;
  }

  /** The people whom a plan takes for gone, or for others, and whose rows came under other ids. */
  async listRekeys(
    integrationId: string,
    runId: string,
    request: PageRequest,
  ): Promise<Page<Renumbered> & { total: number }> {
    const size = pageSizeOf(request);
    const [from = '0'] = readPageToken(request.pageToken, [TOKEN.integer]) ?? [];
    const run = await this.runs.get(integrationId, runId);
    const runs = [run, ...(await this.runs.parts(integrationId, runId))];
    const all: Renumbered[] = [];
    // The plan waits, so that they stay the same from page to page.
    for (const one of runs.filter(isWaiting)) {
      all.push(...(await findRenumberedIn(this.#options.database, one)));
    }
    const end = Number(from) + size;
    return {
      items: all.slice(Number(from), end),
      nextPageToken: end < all.length ? writePageToken([String(end)]) : undefined,
      total: all.length,
    };
  }

  /** Makes a plan and its waiting parts a re-key, or the plain plans again that they were. */
  async #shape(run: SyncRun, rekey: boolean): Promise<void> {
    const { database } = this.#options;
    const parts = await this.runs.parts(run.integrationId, run.id);
    let people = 0;
    // What a rollback re-keys is part of its plan.
    const plans = run.rollsBack ? [] : [run, ...parts.filter(isWaiting)];
    for (const one of plans) people += await planRekeys(database, one, { rekey });
    if (!rekey || people > 0) return;
    throw new ServiceError(
      'failed_precondition',
      `Nobody whom run ${run.id} takes for gone has a row under another id: there is nothing to re-key.`,
      { reason: 'NOTHING_TO_REKEY' },
    );
  }

  /** Puts a plan away that is HELD or PREVIEWED. */
  async discard(integrationId: string, runId: string, decision: string): Promise<SyncRun> {
    await this.runs.assertWaiting(integrationId, runId);
    for (const part of await this.runs.parts(integrationId, runId)) {
      if (part.status === 'HELD' || part.status === 'PREVIEWED')
        await this.runs.discard(integrationId, part.id, decision);
    }
    return this.runs.discard(integrationId, runId, decision, { alone: true });
  }

  /**
   * Takes back what a run did: fields, mappings and statuses are again as before it. What was changed since
   * is refused and listed. With `preview`, the plan waits to be approved. Throws `failed_precondition` for a
   * run that did nothing, and for one whose changes are no longer kept.
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
    if (target.changesDroppedAt) throw changesDropped(runId);
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

  /** The issues of a run in the order they were found. */
  async listIssues(
    integrationId: string,
    runId: string,
    request: PageRequest & { severity?: SyncIssue['severity'] | undefined },
  ): Promise<Page<SyncIssue>> {
    await this.runs.get(integrationId, runId);
    return listIssues(this.#options.database, runId, { ...request, integrationId });
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
    return attempt(this.#attempts, held, (context) =>
      dispatch({
        ...context,
        claims: this.claims,
        work: () => this.#options.workOf(held.run.integrationId),
        doPart: (part, work) => attempt(this.#attempts, part, work),
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
      const created = await this.claims.create(request);
      if (created) return this.carryOut(created);
      const claimed = await this.claims.claimDead(request);
      if (claimed) {
        if (isAskedFor(claimed.run, request)) return this.carryOut(claimed);
        await this.#endClaimed(claimed);
        continue;
      }
      const running = await this.claims.alreadyRunning(request);
      if (running) throw running;
    }
  }

  async #endDead(key: RunKey): Promise<void> {
    const claimed = await this.claims.claimDead(key);
    if (claimed) await this.#endClaimed(claimed);
  }

  /** Does a run that nobody waits for here: how it ends is recorded with it. */
  async #endClaimed(claimed: HeldRun): Promise<void> {
    const { id: runId, integrationId } = claimed.run;
    const { signal: stop } = RunStop.of(claimed.run);
    await this.carryOut({ ...claimed, stop }).catch((error: unknown) => {
      if (error instanceof RunStopped) return;
      this.#options.logger.error({ err: error, runId, integrationId }, 'a run that was taken up failed');
    });
  }
}

function isWaiting({ status }: SyncRun): boolean {
  return status === 'HELD' || status === 'PREVIEWED';
}
