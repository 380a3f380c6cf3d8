import { type Database, isDatabaseAway, isPassing } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { type Logger, operations, type RunFacts } from '../../observability/index.js';
import { ENTITY_SPECS } from '../../roster/index.js';
import { report, SourceFailure, type SyncContext, type SyncReport } from '../pipeline/index.js';
import { taskOf } from './dispatch.js';
import type { HeldRun } from './run-request.js';
import { RunStopped } from './run-stop.js';
import type { RunStore } from './run-store.js';
import type { SyncRun } from './sync-run.js';

/** How long a source that is to stop may take to do so; then it is left. In milliseconds. */
const STOP_MS = 1_000;
/** From so many new entities on the statistics of the database are out of date. */
const MANY = 1_000;

export interface AttemptParts {
  database: Database;
  runs: RunStore;
  logger: Logger;
}

/** An attempt under way. */
interface Attempt extends AttemptParts {
  facts: RunFacts;
}

/**
 * One attempt on a run that this process holds: keeps the lease while `work` goes on, and ends the run with
 * what comes of it. A source that fails, and a plan that is held, is a report with success false; a fault of
 * ours is thrown, and the run is FAILED all the same.
 */
export async function attempt(
  parts: AttemptParts,
  held: HeldRun,
  work: (context: SyncContext) => Promise<SyncReport>,
): Promise<SyncReport> {
  const facts: RunFacts = { run: held.run, provider: held.run.provider ?? 'UNKNOWN' };
  return operations.run.observe(facts, () => doAttempt({ ...parts, facts }, held, work));
}

async function doAttempt(
  parts: Attempt,
  held: HeldRun,
  work: (context: SyncContext) => Promise<SyncReport>,
): Promise<SyncReport> {
  const { run, lease } = held;
  const { database, runs } = parts;
  const logger = parts.logger.child({
    runId: run.id,
    integrationId: run.integrationId,
    entityType: run.entityType,
  });
  const inRun = { ...parts, logger };
  let done: SyncReport;
  try {
    done = await database.inBackground(() =>
      lease.race(leftWhenStopped(inRun, held, work({ ...held, database, runs }))),
    );
  } catch (error) {
    return endFailed(inRun, held, error);
  }
  const error = done.success ? run.error : (done.errors[0] ?? 'The connector reports that it failed.');
  await finish(inRun, held, { status: done.status, error });
  const isGood = done.status === 'COMPLETED' || done.status === 'PREVIEWED';
  logger[isGood ? 'info' : 'warn'](
    { status: done.status, reason: isGood ? undefined : error, counts: run.counts, timings: run.timings },
    isGood ? 'sync run done' : `sync run ${done.status.toLowerCase()}`,
  );
  refreshStatistics(inRun, run);
  return done;
}

/** Ends a run whose work threw, and throws the same unless its source is at fault. */
async function endFailed(parts: Attempt, held: HeldRun, error: unknown): Promise<SyncReport> {
  const { database, logger } = parts;
  const { run, lease } = held;
  // The run is another process's, which brings it to its end.
  if (lease.signal.aborted) throw lease.signal.reason;
  if (held.stop?.aborted) return endStopped(parts, held, held.stop.reason);
  if (error instanceof SourceFailure) {
    logger.warn({ reason: error.message }, 'sync run failed at its source');
    await finish(parts, held, { status: 'FAILED', error: error.message });
    return { ...(await report(database, run)), counts: run.counts };
  }
  // Nothing was wrong with the run: whoever finds it when the database is back, or has time, takes it up.
  if (isDatabaseAway(error) || (isPassing(error) && mayReadAgain(run))) await giveUp(parts, held, error);
  else {
    await finish(parts, held, endOf(parts, run, error)).catch((failure: unknown) => {
      // What failed may have met the rows of the process that has the run by now.
      if (failure === lease.signal.reason) throw failure;
    });
  }
  throw error;
}

/** Whether a run begins anew by itself. A plan waits again for who approves it; who pushes, or takes a run back, asks again. */
function mayReadAgain(run: SyncRun): boolean {
  const task = taskOf(run);
  return task === 'SYNC' || task === 'PREVIEW';
}

/** Ends the work on a run that was to stop, and throws RunStopped unless it is the end of the whole run. */
async function endStopped(parts: AttemptParts, held: HeldRun, why: unknown): Promise<SyncReport> {
  const { database, runs, logger } = parts;
  const { run } = held;
  if (!(why instanceof RunStopped) || why.reason === 'HANDED_BACK') {
    logger.info('sync run handed back');
    await orGivenUp(parts, held, () => runs.handBack(held));
    throw why;
  }
  await orGivenUp(parts, held, () => runs.finishCanceled(held, { isApproval: taskOf(run) === 'APPROVAL' }));
  logger.info({ status: run.status }, 'sync run canceled');
  if (run.parentId) throw why;
  return { ...(await report(database, run)), counts: run.counts };
}

/**
 * Waits for the work on a run. One that is to stop while it reads, and whose source does not heed that, is
 * left: what it may still write is refused, or deleted when it is over.
 */
async function leftWhenStopped<T>(
  { database }: AttemptParts,
  { run, stop }: HeldRun,
  work: Promise<T>,
): Promise<T> {
  // Of a run of several types, each part does the same.
  if (!stop || run.entityType === 'ALL') return work;
  let timer: NodeJS.Timeout | undefined;
  let onAbort = () => {};
  const left = new Promise<never>((_, reject) => {
    onAbort = () => {
      timer = setTimeout(() => {
        if (run.stage !== 'READ') return;
        const clear = () =>
          database.execute(
            `DELETE FROM sync_staged s USING sync_runs r WHERE s.integration_id = $1 AND s.run_id = $2
               AND r.integration_id = $1 AND r.id = $2 AND r.status <> 'RUNNING'`,
            [run.integrationId, run.id],
          );
        work.then(clear, clear).catch(() => undefined);
        reject(stop.reason);
      }, STOP_MS);
    };
    stop.addEventListener('abort', onAbort);
    if (stop.aborted) onAbort();
  });
  left.catch(() => {});
  try {
    return await Promise.race([left, work]);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', onAbort);
  }
}

/** Leaves a run to be taken up again. */
async function giveUp(parts: Attempt, held: HeldRun, error: unknown): Promise<void> {
  parts.logger.warn({ err: error }, 'the database was away or busy; the sync run is taken up again');
  const reason = error instanceof Error ? error.message : String(error);
  await orGivenUp(parts, held, () => parts.runs.handBack(held, reason)).catch(() => undefined);
}

/** What a run comes to whose work threw. */
async function endOf({ runs }: Attempt, run: SyncRun, error: unknown): Promise<Partial<SyncRun>> {
  // What failed came after the last write. Only the database knows whether that was committed.
  const stored = run.appliedPosition ? await runs.get(run.integrationId, run.id) : run;
  if (stored.appliedPosition) return { status: 'COMPLETED', error: null };
  const sentence =
    error instanceof ServiceError ? error.message : 'The service had an internal error; its log tells more.';
  // A plan that could not be applied now waits as before, and for the same reason.
  const isWaiting = error instanceof ServiceError && error.code === 'aborted' && taskOf(run) === 'APPROVAL';
  if (!isWaiting) return { status: 'FAILED', error: sentence };
  return { status: run.kind === 'PREVIEW' ? 'PREVIEWED' : 'HELD', approvedAt: null };
}

/** Records the end of a run. */
async function finish(
  parts: Attempt,
  held: HeldRun,
  end: Partial<SyncRun> | Promise<Partial<SyncRun>>,
): Promise<void> {
  const { run, lease } = held;
  await orGivenUp(parts, held, async () => {
    await parts.runs.finish({ run: Object.assign(run, await end), lease });
  });
  parts.facts.outcome = run.status;
}

/**
 * Records how this attempt leaves a run, and ends its lease with that. Where it fails, the run is given up, to be taken
 * up and ended by whoever finds it; while the database is away, its lease runs out by itself.
 */
async function orGivenUp(
  { logger }: AttemptParts,
  { lease }: HeldRun,
  recorded: () => Promise<void>,
): Promise<void> {
  try {
    await recorded();
  } catch (error) {
    if (!lease.signal.aborted) {
      const words = 'the end of a sync run could not be recorded; it is taken up again';
      logger[isPassing(error) ? 'warn' : 'error']({ err: error }, words);
      await lease.abandon().catch(() => undefined);
    }
    throw error;
  }
}

/**
 * Lets PostgreSQL look at what came in, beside the answer: until its own maintenance comes along it would
 * take tables for empty that have grown by a school, and plan the statements of small runs accordingly. Only
 * at the columns by which rows are looked up: names and addresses are sorted by the rules of a language, which
 * takes most of the time.
 */
function refreshStatistics({ database, logger }: Attempt, run: SyncRun): void {
  if (!database.copies || run.entityType === 'ALL' || run.counts.created < MANY) return;
  database
    .execute(
      `ANALYZE ${ENTITY_SPECS[run.entityType].table} (institution_id, id, merged_into),
         integration_mappings (integration_id, entity_type, internal_id, external_id, digest, missing_runs)`,
    )
    .catch((error: unknown) => logger.warn({ err: error }, 'statistics were not brought up to date'));
}
