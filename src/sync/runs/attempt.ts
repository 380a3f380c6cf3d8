import { type Database, isDatabaseAway } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import type { Logger } from '../../observability/index.js';
import { ENTITY_SPECS } from '../../roster/index.js';
import { report, SourceFailure, type SyncContext, type SyncReport } from '../pipeline/index.js';
import { taskOf } from './dispatch.js';
import type { HeldRun } from './run-request.js';
import type { RunStore } from './run-store.js';
import type { SyncRun } from './sync-run.js';

/** How often a run is begun whose database goes away. */
const MOST_ATTEMPTS = 5;
/** From so many new entities on the statistics of the database are out of date. */
const MANY = 1_000;

export interface AttemptParts {
  database: Database;
  runs: RunStore;
  logger: Logger;
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
    done = await database.inBackground(() => lease.race(work({ ...held, database, runs })));
  } catch (error) {
    return endFailed(inRun, held, error);
  }
  const error = done.success ? run.error : (done.errors[0] ?? 'The connector reports that it failed.');
  await finish(inRun, held, { status: done.status, error });
  logger.info({ status: done.status, counts: run.counts, timings: run.timings }, 'sync run done');
  refreshStatistics(inRun, run);
  return done;
}

/** Ends a run whose work threw, and throws the same unless its source is at fault. */
async function endFailed(parts: AttemptParts, held: HeldRun, error: unknown): Promise<SyncReport> {
  const { database, logger } = parts;
  const { run, lease } = held;
  // The run is another process's, which brings it to its end.
  if (lease.signal.aborted) throw lease.signal.reason;
  if (error instanceof SourceFailure) {
    logger.warn({ reason: error.message }, 'sync run failed at its source');
    await finish(parts, held, { status: 'FAILED', error: error.message });
    return { ...(await report(database, run)), counts: run.counts };
  }
  // Nothing was wrong with the run: whoever finds it when the database is back takes it up.
  if (isDatabaseAway(error) && run.attempt < MOST_ATTEMPTS) await giveUp(parts, held, error);
  else {
    await finish(parts, held, endOf(parts, run, error)).catch((failure: unknown) => {
      // What failed may have met the rows of the process that has the run by now.
      if (failure === lease.signal.reason) throw failure;
    });
  }
  throw error;
}

/** Leaves a run to be taken up again. While the database is away, its lease runs out by itself. */
async function giveUp({ logger }: AttemptParts, { lease }: HeldRun, error: unknown): Promise<void> {
  logger.warn({ err: error }, 'the database was away; the sync run is taken up again');
  await lease.abandon().catch(() => undefined);
}

/** What a run comes to whose work threw. */
async function endOf({ runs }: AttemptParts, run: SyncRun, error: unknown): Promise<Partial<SyncRun>> {
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

/** Records the end of a run. Where that fails, the run is given up, to be taken up and ended by whoever finds it. */
async function finish(
  { runs, logger }: AttemptParts,
  { run, lease }: HeldRun,
  end: Partial<SyncRun> | Promise<Partial<SyncRun>>,
): Promise<void> {
  try {
    await runs.finish({ run: Object.assign(run, await end), lease });
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
 * take tables for empty that have grown by a school, and plan the statements of small runs accordingly. Only
 * at the columns by which rows are looked up: names and addresses are sorted by the rules of a language, which
 * takes most of the time.
 */
function refreshStatistics({ database, logger }: AttemptParts, run: SyncRun): void {
  if (!database.copies || run.entityType === 'ALL' || run.counts.created < MANY) return;
  database
    .execute(
      `ANALYZE ${ENTITY_SPECS[run.entityType].table} (institution_id, id, merged_into),
         integration_mappings (integration_id, entity_type, internal_id, external_id, digest, missing_runs)`,
    )
    .catch((error: unknown) => logger.warn({ err: error }, 'statistics were not brought up to date'));
}
