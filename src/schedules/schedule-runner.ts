import { onBehalfOfService } from '../audit/index.js';
import { type Database, isPassing } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { IntegrationService } from '../integrations/index.js';
import type { Logger } from '../observability/index.js';
import { backsOffUntil } from './back-off.js';
import { ScheduleStore, type StoredSchedule } from './schedule-store.js';
import { blackoutAt, nextTimes, startOf } from './times.js';
import { isTimeZone } from './wall-clock.js';

/** How often it is looked at least: another process may have set a schedule. */
const LOOK_MS = 10_000;
/** How often at most: what is due may be locked by the process that starts it. */
const SHORTEST_MS = 250;
/** When a time is tried again that others were in the way of, in milliseconds. */
const SOON_MS = 5_000;
/** The same of one that this process cannot start, and that another may be able to. */
const LATER_MS = 60_000;

export interface ScheduleRunnerParts {
  database: Database;
  integrations: IntegrationService;
  logger: Logger;
}

/**
 * Starts what is due. Any process may: whoever locks the row of a schedule puts its run into the queue and sets
 * its next time in one transaction, so that each time starts one run. Times that passed while nobody was there
 * start one run together.
 */
export class ScheduleRunner {
  readonly #store: ScheduleStore;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isEnding = false;

  constructor(private readonly parts: ScheduleRunnerParts) {
    this.#store = new ScheduleStore(parts.database);
  }

  /** Begins to look, at once. */
  start(): void {
    this.#looking = this.#look();
  }

  /** Looks no more; waits for what is being started. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Starts all that is due now; returns how many times were due. */
  async startDue(): Promise<number> {
    let count = 0;
    while (!this.#isEnding && (await this.#startOne())) count += 1;
    return count;
  }

  async #look(): Promise<void> {
    const { logger } = this.parts;
    let wait = LOOK_MS;
    try {
      await this.startDue();
      wait = Math.min(LOOK_MS, Math.max(SHORTEST_MS, (await this.#store.untilNext()) ?? LOOK_MS));
    } catch (error) {
      logger.warn({ err: error }, 'looking for what is due failed');
    }
    if (this.#isEnding) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look();
    }, wait).unref();
  }

  async #startOne(): Promise<boolean> {
    let taken: { schedule: StoredSchedule; now: Date } | undefined;
    try {
      return await this.parts.database.transaction(async () => {
        const due = await this.#store.takeDue();
        if (!due) return false;
        taken = due;
        await onBehalfOfService('schedule', () => this.#fire(due.schedule, due.now));
        return true;
      });
    } catch (error) {
      if (!taken) throw error;
      // It must not be in the way of all others.
      await this.#putOff(taken, error);
      return true;
    }
  }

  /** `now`: by the clock of the database, as all that is stored. */
  async #putOff({ schedule, now }: { schedule: StoredSchedule; now: Date }, error: unknown): Promise<void> {
    const { logger } = this.parts;
    if (isPassing(error)) {
      logger.warn({ err: error, schedule: keyOf(schedule) }, 'a schedule starts its run later');
      await this.#store.fired(schedule, later(now, SOON_MS), {}, { ifDue: true });
      return;
    }
    logger.error({ err: error, schedule: keyOf(schedule) }, 'a schedule could not start its run');
    await this.#store.fired(
      schedule,
      this.#next(schedule, now),
      { skippedBecause: 'internal error' },
      { ifDue: true },
    );
  }

  async #fire(schedule: StoredSchedule, now: Date): Promise<void> {
    const { integrations } = this.parts;
    if (!isTimeZone(schedule.timeZone)) {
      const skippedBecause = `A process does not know the zone ${schedule.timeZone}: its list is older than that of the process that took it. Another may start it; else update Node.js there.`;
      await this.#store.fired(schedule, later(now, LATER_MS), { skippedBecause });
      return;
    }
    const nextAt = this.#next(schedule, now);
    const blackout = blackoutAt(now, schedule);
    if (blackout) {
      // A time that passed before, while nobody was there: the next one starts for both.
      const skippedBecause = `The blackout "${blackout.name}" has begun before it could start.`;
      await this.#store.fired(schedule, nextAt, { skippedBecause });
      return;
    }
    const until = backsOffUntil(await this.#store.failures(schedule));
    if (until && until > now) {
      // The next time is looked at all the same: a sync that somebody starts may succeed before.
      const skippedBecause = `The syncs before failed: nothing starts until ${until.toISOString()}.`;
      await this.#store.fired(schedule, nextAt, { skippedBecause });
      return;
    }
    const { integrationId, entityType, kind } = schedule;
    if (kind === 'PREVIEW') await this.#discardLast(schedule);
    try {
      const run = await integrations.startSync(integrationId, entityType, { kind, trigger: 'SCHEDULE' });
      await this.#store.fired(schedule, nextAt, { runId: run.id });
    } catch (error) {
      // As that the integration is INACTIVE: nothing was written yet, and the next time may be better.
      if (!(error instanceof ServiceError)) throw error;
      await this.#store.fired(schedule, nextAt, { skippedBecause: error.message });
    }
  }

  /** A preview that nobody decided on is replaced by the next one: else they would pile up. */
  async #discardLast({ integrationId, lastRunId }: StoredSchedule): Promise<void> {
    if (lastRunId === null) return;
    const { integrations } = this.parts;
    const last = await integrations.getSyncRun(integrationId, lastRunId).catch(() => undefined);
    if (last?.status === 'PREVIEWED')
      await integrations
        .discardSync(integrationId, lastRunId, 'The next preview of its schedule replaces it.')
        .catch((error: unknown) => {
          // Somebody decided on it at this moment.
          if (!(error instanceof ServiceError)) throw error;
        });
  }

  #next(schedule: StoredSchedule, after: Date): Date | null {
    const [next] = nextTimes(schedule, after, 1);
    return next ? startOf(next, schedule) : null;
  }
}

function later(time: Date, ms: number): Date {
  return new Date(time.getTime() + ms);
}

function keyOf({ integrationId, entityType, kind }: StoredSchedule) {
  return { integrationId, entityType, kind };
}
