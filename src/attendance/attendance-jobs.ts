import { onBehalfOfService } from '../audit/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type JobQueue, TryLater } from '../jobs/index.js';
import type { Logger } from '../observability/index.js';
import type { SendReport } from './attendance-service.js';
import type { DeliveryStore } from './delivery-store.js';
import { GIVE_UP_SECONDS, waitAfter } from './retry-waits.js';
import {
  type Addressee,
  type SendOrder,
  SendOrders,
  type SessionsToSend,
  type StoredOrder,
} from './send-orders.js';
import type { WithheldMark } from './sheet-source.js';
import { WithheldMarks } from './withheld-marks.js';

export interface AttendanceJobsParts {
  database: Database;
  jobs: JobQueue;
  logger: Logger;
  /** How many sessions this process sends at once; 0: none. */
  workers: number;
  /** Whether an integration takes attendance, with its settings. */
  takesAttendance: (integration: Addressee) => boolean;
  send: (integrationId: string, sessionId: string) => Promise<SendReport>;
  deliveries: DeliveryStore;
}

const QUEUE = 'attendance';
/** As often as it takes: the order itself says when it is given up. */
const RETRIES = 1_000_000;
const FORGET_SECONDS = 60 * 60;
/** Priorities of jobs: what is past goes after what is to be sent now. */
const NOW = 0;
const PAST = -1;
/** Of one integration, this many sessions are sent at once, so that a slow school keeps no other waiting. */
const MOST_OF_INTEGRATION = 1;
/** When it is looked again whether another process has ended, or the database is back, in seconds. */
const BUSY_SECONDS = 5;
/** How often it is looked for orders without a job, and for marks that need not be withheld, in milliseconds. */
const SUPERVISE_MS = 5_000;
/** How much of what went wrong is kept. */
const LONGEST_REASON = 1_000;

/** What came of an attempt. */
type Outcome = { done: true } | { busy: string } | Failure;

/** That an attempt failed. `withheld`: what it did not send; undefined where it did not come so far. */
interface Failure {
  failure: string;
  retryAfterSeconds?: number;
  withheld?: readonly WithheldMark[];
}

/** Refusals that leave nothing to be sent. Marks that come later are an order of their own. */
const NOTHING_TO_SEND = ['ATTENDANCE_EMPTY', 'CLASS_SESSION_NOT_FOUND', 'INTEGRATION_NOT_FOUND'];

/**
 * Sends the attendance of closed sessions. The order says what is to be sent, and since when; its job, when and
 * where the next attempt begins; the lease of the session, that nobody else sends it. A job that finds no order
 * has nothing to do.
 */
export class AttendanceJobs {
  readonly #parts: AttendanceJobsParts;
  readonly #orders: SendOrders;
  readonly #withheld: WithheldMarks;
  #timer: NodeJS.Timeout | undefined;
  #supervision: Promise<void> = Promise.resolve();
  #isEnding = false;

  constructor(parts: AttendanceJobsParts) {
    this.#parts = parts;
    this.#orders = new SendOrders(parts.database);
    this.#withheld = new WithheldMarks({
      database: parts.database,
      takesAttendance: parts.takesAttendance,
      order: async (only, sessions) => {
        const orders = await this.#order(sessions, { isCorrected: true, isPast: true, only });
        return orders.map(({ sessionId }) => sessionId);
      },
    });
  }

  /** Begins to send. */
  async start(): Promise<void> {
    const { jobs, workers } = this.#parts;
    await jobs.define(QUEUE, {
      once: true,
      retryLimit: RETRIES,
      retryDelay: BUSY_SECONDS,
      forgetAfterSeconds: FORGET_SECONDS,
    });
    if (workers === 0) return;
    this.#supervision = this.#supervise();
    await jobs.work<SendOrder>(
      QUEUE,
      { concurrency: workers, groupConcurrency: MOST_OF_INTEGRATION },
      (order) => this.#do(order),
    );
  }

  /**
   * Orders, in the transaction under way, that the attendance of sessions is sent to each integration that
   * takes it. `isCorrected`: something of it is new, and is tried for as long as a new order. `isPast`: see
   * `SendOrders.addressees`; it goes after what else is to be sent. Returns the ids of the integrations.
   */
  async order(
    sessions: SessionsToSend,
    { isCorrected, isPast = false }: { isCorrected: boolean; isPast?: boolean },
  ): Promise<string[]> {
    const orders = await this.#order(sessions, { isCorrected, isPast });
    return [...new Set(orders.map(({ integrationId }) => integrationId))];
  }

  async #order(
    sessions: SessionsToSend,
    { isCorrected, isPast, only }: { isCorrected: boolean; isPast: boolean; only?: string },
  ): Promise<SendOrder[]> {
    const found = await this.#orders.addressees(sessions, { isPast, only });
    const orders = found
      .filter(this.#parts.takesAttendance)
      .flatMap(({ id, sessionIds }) => sessionIds.map((sessionId) => ({ integrationId: id, sessionId })));
    if (orders.length === 0) return [];
    await this.#orders.give(sessions.institutionId, orders, { isCorrected });
    await this.#sendJobs(orders, isPast ? PAST : NOW);
    return orders;
  }

  /** Takes no more orders; those under way go on. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    await this.#supervision;
    await this.#parts.jobs.pause(QUEUE);
  }

  async #sendJobs(orders: readonly SendOrder[], priority = NOW): Promise<void> {
    const jobs = orders.map(({ integrationId, sessionId }) => ({
      data: { integrationId, sessionId },
      options: { singletonKey: `${integrationId}:${sessionId}`, group: integrationId, priority },
    }));
    await this.#parts.jobs.sendAll(QUEUE, jobs);
  }

  async #do(job: SendOrder): Promise<void> {
    if (this.#isEnding) throw new TryLater(0, 'The process is ending.');
    const order = await this.#orders.find(job);
    if (!order) return;
    const { database } = this.#parts;
    const outcome = await database.inBackground(() =>
      onBehalfOfService('attendance', () => this.#attempt(order)),
    );
    if ('busy' in outcome) throw new TryLater(BUSY_SECONDS, outcome.busy);
    const again = await database.transaction(() =>
      'done' in outcome ? this.#end(order) : this.#failed(order, outcome),
    );
    if (again) throw new TryLater(again.seconds, again.reason);
  }

  async #attempt({ integrationId, sessionId }: StoredOrder): Promise<Outcome> {
    try {
      const {
        success,
        errors,
        withheld = [],
        retryAfterSeconds,
      } = await this.#parts.send(integrationId, sessionId);
      if (success) return { done: true };
      const failure = errors.join('; ').slice(0, LONGEST_REASON) || 'The school system did not take it.';
      return { failure, withheld, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
    } catch (error) {
      if (error instanceof ServiceError) {
        if (NOTHING_TO_SEND.includes(error.reason)) return { done: true };
        if (error.code === 'aborted' || error.code === 'unavailable') return { busy: error.message };
        return { failure: error.message };
      }
      this.#parts.logger.error({ err: error, integrationId, sessionId }, 'sending attendance failed');
      return { failure: 'The sending ended with an internal error of the service.' };
    }
  }

  async #end(order: StoredOrder): Promise<{ seconds: number; reason: string } | undefined> {
    if (await this.#orders.end(order)) return undefined;
    return (await this.#orders.find(order)) && { seconds: 0, reason: 'Marks were corrected meanwhile.' };
  }

  /** When it is tried again; undefined when it is given up, or its integration was deleted. */
  async #failed(
    order: StoredOrder,
    { failure, retryAfterSeconds, withheld }: Failure,
  ): Promise<{ seconds: number; reason: string } | undefined> {
    const now = await this.#orders.find(order, { lock: true });
    if (!now) return undefined;
    const seconds = waitAfter(now.attempts, now.age, retryAfterSeconds);
    if (seconds !== undefined) {
      await this.#orders.postpone(now, seconds, failure);
      return { seconds, reason: failure };
    }
    const { integrationId, sessionId, institutionId } = now;
    this.#parts.logger.warn(
      { integrationId, sessionId, reason: failure },
      `attendance was not taken within ${GIVE_UP_SECONDS / 3_600} hours and is given up`,
    );
    // What was corrected during the attempt is an order of its own.
    const again = await this.#end(order);
    await this.#parts.deliveries.announceGivenUp(
      { integrationId, sessionId, institutionId },
      failure,
      withheld,
    );
    return again;
  }

  /**
   * Sends a job for each order that may have none; where it has one, nothing comes of that. And orders what need not
   * be withheld any more.
   */
  async #supervise(): Promise<void> {
    const { database, logger } = this.#parts;
    try {
      await this.#sendJobs(await this.#orders.listLate());
    } catch (error) {
      logger.warn({ err: error }, 'looking for attendance without a job failed');
    }
    try {
      await database.inBackground(() => this.#withheld.release(() => this.#isEnding));
    } catch (error) {
      logger.warn({ err: error }, 'looking for marks that need not be withheld any more failed');
    }
    if (this.#isEnding) return;
    this.#timer = setTimeout(() => {
      this.#supervision = this.#supervise();
    }, SUPERVISE_MS).unref();
  }
}
