import { onBehalfOfService } from '../audit/index.js';
import { type Database, isDatabaseAway } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { dropOldAnswers } from '../idempotency/index.js';
import type { JobQueue } from '../jobs/index.js';
import type { Logger } from '../observability/index.js';
import { dropOldChanges } from './old-changes.js';
import { dropOldDeliveries } from './old-deliveries.js';
import { dropOldEvents } from './old-events.js';
import { dropOldIssues } from './old-issues.js';
import { dropOldRuns, dropStaged } from './old-runs.js';
import { dropOldWebhooks } from './old-webhooks.js';
import type { RetentionPeriods } from './periods.js';

/** How many rows went, and what an operator should know of. */
export interface Swept {
  runs: number;
  changes: number;
  issues: number;
  staged: number;
  deliveries: number;
  events: number;
  webhooks: number;
  /** Files that processes left that died while they wrote them. */
  drafts: number;
  /** Of calls with an Idempotency-Key. */
  answers: number;
  /** Previews that nobody decided on. */
  previewsDiscarded: number;
  /** Plans that the guard holds and that are older than changes are kept: they stay, and wait for a person. */
  heldForLong: number;
}

export interface RetentionParts {
  database: Database;
  jobs: JobQueue;
  logger: Logger;
  /** 0: this process leaves it to others. */
  workers: number;
  periods: RetentionPeriods;
  discard: (integrationId: string, runId: string, reason: string) => Promise<unknown>;
  /** Removes what processes left that died while they wrote a file; returns how many. */
  sweepFiles: () => Promise<number>;
}

const QUEUE = 'retention';
/** When it is night in the Americas: the hour, UTC. */
const NIGHT_HOUR = 6;
/** How often it is seen to that tonight's job is there. */
const LOOK_MS = 60 * 60 * 1_000;
const INTEGRATIONS_AT_ONCE = 100;
const PREVIEWS_AT_ONCE = 100;
const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Deletes what is older than it is kept. One job a night, taken by one process; when that dies, another begins
 * anew, and finds what is left. Every statement is a short transaction of its own that waits for no run.
 */
export class Retention {
  readonly #parts: RetentionParts;
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;
  #atStart: Promise<void> | undefined;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { jobs, workers, logger, sweepFiles } = this.#parts;
    await jobs.define(QUEUE, { once: true, retryLimit: 10, retryDelay: 60, retryBackoff: true });
    if (workers === 0) return;
    const plan = () => jobs.send(QUEUE, {}, { singletonKey: 'nightly', startAfter: nextNight(new Date()) });
    await plan();
    // Where the job of tonight is there already, nothing comes of it.
    this.#timer = setInterval(() => {
      plan().catch((error: unknown) => logger.warn({ err: error }, 'planning the retention failed'));
    }, LOOK_MS).unref();
    await jobs.work(QUEUE, { concurrency: 1 }, async () => {
      await this.sweep();
    });
    // What a killed process left is not for the night: whoever starts now may be its successor.
    this.#atStart = sweepFiles().then(
      (drafts) => {
        if (drafts > 0) logger.info({ drafts }, 'files that a killed process left half written were deleted');
      },
      (error: unknown) => logger.warn({ err: error }, 'looking for half-written files failed'),
    );
  }

  /** Begins nothing more, and stops after the statement under way. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    clearInterval(this.#timer);
    await this.#atStart;
    await this.#parts.jobs.pause(QUEUE);
  }

  /** Deletes all that is older than it is kept. */
  async sweep(): Promise<Swept> {
    const { database, logger, sweepFiles } = this.#parts;
    const total: Swept = {
      runs: 0,
      changes: 0,
      issues: 0,
      staged: 0,
      deliveries: 0,
      events: 0,
      webhooks: 0,
      drafts: 0,
      answers: 0,
      previewsDiscarded: 0,
      heldForLong: 0,
    };
    const failed: string[] = [];
    await database.inBackground(() =>
      onBehalfOfService('retention', async () => {
        for (let after: string | undefined; ; ) {
          const ids = await this.#integrations(after);
          for (const id of ids) {
            if (this.#isEnding) throw ending();
            // What is wrong with one must not keep the rows of all others for good.
            await this.#sweepOne(id, total).catch((error: unknown) => {
              if (this.#isEnding || isDatabaseAway(error)) throw error;
              logger.error(
                { err: error, integrationId: id },
                'what is old of an integration was not deleted',
              );
              failed.push(id);
            });
          }
          after = ids.at(-1);
          if (!after) break;
        }
        total.answers = await dropOldAnswers(database);
        total.events = await dropOldEvents(database, this.#parts.periods.events);
        total.drafts = await sweepFiles();
        total.heldForLong = await this.#countHeld();
      }),
    );
    logger.info(total, 'what is older than it is kept was deleted');
    if (total.heldForLong > 0)
      logger.warn(
        { count: total.heldForLong },
        'plans that the guard holds have waited for longer than changes are kept: approve or discard them',
      );
    // The job is tried again, and finds what is left.
    if (failed.length > 0)
      throw new Error(
        `What is old of ${failed.length} integrations was not deleted: ${failed.slice(0, 10)}.`,
      );
    return total;
  }

  async #sweepOne(id: string, total: Swept): Promise<void> {
    const { database, periods } = this.#parts;
    const steps: [keyof Swept, () => Promise<number>][] = [
      ['previewsDiscarded', () => this.#discardPreviews(id)],
      ['changes', () => dropOldChanges(database, id, periods.changes)],
      ['issues', () => dropOldIssues(database, id, periods.issues)],
      ['runs', () => dropOldRuns(database, id, periods.runs)],
      ['staged', () => dropStaged(database, id)],
      ['deliveries', () => dropOldDeliveries(database, id, periods.deliveries)],
      ['webhooks', () => dropOldWebhooks(database, id, periods.webhooks)],
    ];
    for (const [name, step] of steps) {
      if (this.#isEnding) throw ending();
      total[name] += await step();
    }
  }

  async #integrations(after: string | undefined): Promise<string[]> {
    const rows = await this.#parts.database.query<{ id: string }>(
      `SELECT id FROM integrations
       WHERE $1::uuid IS NULL OR id > $1
       ORDER BY id LIMIT ${INTEGRATIONS_AT_ONCE}`,
      [after ?? null],
    );
    return rows.map(({ id }) => id);
  }

  /** A preview that nobody decided on for so long is of no use: the roster has moved on. */
  async #discardPreviews(integrationId: string): Promise<number> {
    const { database, periods, discard } = this.#parts;
    const reason = `Nobody decided on it for ${periods.changes} days.`;
    const old = await database.query<{ id: string }>(
      `SELECT r.id FROM sync_runs r
       WHERE r.integration_id = $1 AND r.status = 'PREVIEWED'
         AND r.finished_at < clock_timestamp() - make_interval(days => $2)
         AND NOT EXISTS (SELECT 1 FROM sync_runs whole
           WHERE whole.integration_id = $1 AND whole.id = r.parent_id AND whole.status = 'PREVIEWED')
       ORDER BY r.started_at LIMIT ${PREVIEWS_AT_ONCE}`,
      [integrationId, periods.changes],
    );
    for (const { id } of old)
      await discard(integrationId, id, reason).catch((error: unknown) => {
        // Somebody decided on it at this moment.
        if (!(error instanceof ServiceError)) throw error;
      });
    return old.length;
  }

  async #countHeld(): Promise<number> {
    const { database, periods } = this.#parts;
    const [row] = await database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM sync_runs
       WHERE status = 'HELD' AND finished_at < clock_timestamp() - make_interval(days => $1)`,
      [periods.changes],
    );
    return row?.count ?? 0;
  }
}

/** The job begins anew elsewhere. */
function ending(): Error {
  return new Error('The process is ending.');
}

/** The next time that it is night. */
function nextNight(now: Date): Date {
  const night = new Date(now);
  night.setUTCHours(NIGHT_HOUR, 0, 0, 0);
  return night > now ? night : new Date(night.getTime() + DAY_MS);
}
