import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { Logger } from '../observability/index.js';
import type { Agents } from '../outbound/index.js';
import { cloudEventOf } from './cloud-event.js';
import { type Lane, LaneStore, type NextDelivery } from './lane-store.js';
import { pauseAfter } from './retry-schedule.js';
import { type Outcome, sendEvent } from './send-event.js';
import type { SubscriptionStore } from './subscription-store.js';

export interface EventSenderOptions {
  database: Database;
  subscriptions: SubscriptionStore;
  agents: Agents;
  logger: Logger;
  /** Whether this process knows to be the only one: then what is claimed at the start is nobody's. */
  alone: boolean;
  /** Events under way at once: most of the time receivers are waited for. Default 32. */
  concurrency?: number;
  /** Milliseconds for an attempt. Default 15,000. */
  timeoutMs?: number;
  /** Milliseconds between two looks while nothing is due. Default 500. */
  everyMs?: number;
  /** Milliseconds until the next attempt; given by tests that do not want to wait. */
  pause?: typeof pauseAfter;
}

/** After so many events, or milliseconds, another lane has its turn. */
const MOST_IN_A_ROW = 25;
const TURN_MS = 2_000;
/** How long what is under way may go on when the process ends, in milliseconds. */
const GRACE_MS = 3_000;
const AFTER_TROUBLE_MS = 2_000;

/**
 * Tells subscriptions of events, at least once and each stream in its order: an event that fails keeps the
 * later ones of the same stream waiting, for the same subscription alone. Any number of processes share the
 * work.
 */
export class EventSender {
  readonly #options: Required<EventSenderOptions>;
  readonly #lanes: LaneStore;
  readonly #underWay = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #interrupt = new AbortController();
  #looking: Promise<void> = Promise.resolve();

  constructor(options: EventSenderOptions) {
    this.#options = { concurrency: 32, timeoutMs: 15_000, everyMs: 500, pause: pauseAfter, ...options };
    this.#lanes = new LaneStore(options.database, this.#options.pause);
  }

  start(): void {
    // A few connections for all of it: calls shall not wait for events.
    this.#looking = this.#options.database.inLane('events', () => this.#look());
  }

  /** Begins nothing more, and waits a little for what is under way. What is interrupted is sent again. */
  async stop(): Promise<void> {
    this.#stop.abort();
    const grace = setTimeout(() => this.#interrupt.abort(), GRACE_MS);
    await this.#looking;
    await Promise.all(this.#underWay);
    clearTimeout(grace);
  }

  async #look(): Promise<void> {
    const { concurrency, everyMs, alone, logger } = this.#options;
    let cleared = !alone;
    while (!this.#stop.signal.aborted) {
      let pauseMs = everyMs;
      try {
        if (!cleared) await this.#lanes.clear();
        cleared = true;
        const lane = this.#underWay.size < concurrency ? await this.#lanes.claim() : undefined;
        if (lane) {
          this.#begin(lane);
          continue;
        }
      } catch (error) {
        logger.warn({ err: error }, 'events that are due could not be looked for');
        pauseMs = AFTER_TROUBLE_MS;
      }
      await this.#pause(pauseMs);
    }
  }

  #begin(lane: Lane): void {
    const work = this.#work(lane).catch((error: unknown) => {
      // The claim runs out, and the lane is taken up again.
      this.#options.logger.warn({ err: error, ...shown(lane) }, 'a lane of events was left');
    });
    const done = work.finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** Until one of those under way has ended, where no more may begin; a pause otherwise. */
  async #pause(ms: number): Promise<void> {
    const { concurrency } = this.#options;
    const full = this.#underWay.size >= concurrency;
    const pause = sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
    await (full ? Promise.race([pause, ...this.#underWay]) : pause);
  }

  async #work(lane: Lane): Promise<void> {
    const end = performance.now() + TURN_MS;
    for (let count = 0; count < MOST_IN_A_ROW && performance.now() < end; count++) {
      if (this.#stop.signal.aborted) break;
      const next = await this.#lanes.next(lane);
      if (!next) return;
      await this.#lanes.record(lane, next, await this.#send(lane, next));
    }
    await this.#lanes.release(lane);
  }

  async #send(lane: Lane, next: NextDelivery): Promise<Outcome> {
    const { subscriptions, agents, timeoutMs, logger } = this.#options;
    const start = performance.now();
    const outcome = await subscriptions.secrets(lane.institutionId, lane.subscriptionId).then(
      (secrets) =>
        sendEvent(
          { url: next.url, id: next.id, body: cloudEventOf(next), secrets },
          { agents, timeoutMs, signal: this.#interrupt.signal },
        ),
      (error: unknown): Outcome => {
        if (error instanceof ServiceError) throw error;
        // Sealed with a key that is not there: the operator can put it back.
        logger.error({ err: error, ...shown(lane) }, 'the secret of a subscription cannot be opened');
        return { kind: 'retry', reason: 'its secret cannot be opened; look at CREDENTIAL_KEYS' };
      },
    );
    logger[outcome.kind === 'delivered' ? 'debug' : 'warn'](
      {
        ...shown(lane),
        eventId: next.id,
        type: next.type,
        attempt: next.attempts,
        host: new URL(next.url).host,
        ...outcome,
        ms: Math.round(performance.now() - start),
      },
      outcome.kind === 'delivered' ? 'event taken' : 'event not taken',
    );
    return outcome;
  }
}

function shown({ institutionId, subscriptionId, streamId }: Lane) {
  return { institutionId, subscriptionId, streamId };
}
