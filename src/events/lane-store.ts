import { randomUUID } from 'node:crypto';
import type { Database } from '../database/index.js';
import { EVENT_COLUMNS } from './event-store.js';
import type { StoredEvent } from './event-types.js';
import { FEWEST_FAILURES, MOST_ATTEMPTS, MOST_FAILING_HOURS, pauseAfter } from './retry-schedule.js';
import type { Outcome } from './send-event.js';

/** A lane that this process has claimed: what one subscription is told of one stream. */
export interface Lane {
  institutionId: string;
  subscriptionId: string;
  streamId: string;
  /** Names the claim. */
  claim: string;
}

/** The next event of a lane, its attempt counted. */
export interface NextDelivery extends StoredEvent {
  url: string;
  attempts: number;
}

/** How long a claim holds without being renewed, in seconds: longer than an attempt may take. */
const CLAIM_SECONDS = 30;
/**
 * Lanes that are worked on at once, over all processes, so that receivers that take their time leave others their
 * turn: of one subscription, of one whose last attempt failed, and of one institution.
 */
const MOST_OF_ONE = 4;
const MOST_OF_FAILING = 1;
const MOST_OF_INSTITUTION = 8;

/** Whether `s`, event_subscriptions, is told of anything now. */
const IS_TOLD = '(s.disabled_at IS NULL AND (s.not_before IS NULL OR s.not_before <= clock_timestamp()))';
const KEY = 'institution_id = $1 AND subscription_id = $2 AND stream_id = $3';
/** Statements about `d`, event_deliveries, whose event `e` is still kept. */
const WITH_EVENT = `JOIN events e ON e.institution_id = d.institution_id AND e.stream_id = d.stream_id
  AND e.position = d.position`;

/**
 * Who tells which subscription of which stream. One process at a time works on a lane, by a claim that runs
 * out; every write checks it, so that a process that was frozen decides nothing any more.
 */
export class LaneStore {
  /** `pause`: milliseconds until the next attempt. */
  constructor(
    private readonly database: Database,
    private readonly pause: typeof pauseAfter = pauseAfter,
  ) {}

  /** Claims the lane that has been due for longest; undefined when there is none that may be worked on. */
  async claim(): Promise<Lane | undefined> {
    const [lane] = await this.database.query<Lane>(
      `WITH busy AS MATERIALIZED (
         SELECT institution_id, subscription_id, count(*) AS lanes FROM event_lanes
         WHERE claim IS NOT NULL AND claimed_until >= clock_timestamp()
         GROUP BY institution_id, subscription_id)
       UPDATE event_lanes l SET claim = $1,
         claimed_until = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS})
       FROM (
         SELECT l.institution_id, l.subscription_id, l.stream_id
         FROM event_lanes l
         JOIN event_subscriptions s ON s.institution_id = l.institution_id AND s.id = l.subscription_id
         WHERE l.due_at <= clock_timestamp() AND ${IS_TOLD}
           AND (l.claimed_until IS NULL OR l.claimed_until < clock_timestamp())
           AND NOT EXISTS (SELECT 1 FROM busy b
             WHERE b.institution_id = l.institution_id AND b.subscription_id = l.subscription_id
               AND b.lanes >= CASE WHEN s.failures > 0 THEN ${MOST_OF_FAILING} ELSE ${MOST_OF_ONE} END)
           AND (SELECT COALESCE(sum(b.lanes), 0) FROM busy b
             WHERE b.institution_id = l.institution_id) < ${MOST_OF_INSTITUTION}
         ORDER BY l.due_at LIMIT 1
         FOR UPDATE OF l SKIP LOCKED) due
       WHERE l.institution_id = due.institution_id AND l.subscription_id = due.subscription_id
         AND l.stream_id = due.stream_id
       RETURNING l.institution_id AS "institutionId", l.subscription_id AS "subscriptionId",
         l.stream_id AS "streamId", l.claim`,
      [randomUUID()],
    );
    return lane;
  }

  /**
   * The event to send now, its attempt counted. undefined, and the lane let go: nothing is due, or the claim
   * is another's.
   */
  async next(lane: Lane): Promise<NextDelivery | undefined> {
    return this.#asHolder(lane, async () => {
      const [next] = await this.database.query<NextDelivery>(
        `UPDATE event_deliveries d SET attempts = d.attempts + 1, updated_at = clock_timestamp()
         FROM (
           SELECT d.position, d.due_at FROM event_deliveries d ${WITH_EVENT}
           WHERE d.institution_id = $1 AND d.subscription_id = $2 AND d.stream_id = $3
             AND d.status = 'WAITING'
           ORDER BY d.position LIMIT 1) head, events e, event_subscriptions s
         WHERE d.institution_id = $1 AND d.subscription_id = $2 AND d.stream_id = $3
           AND d.position = head.position AND head.due_at <= clock_timestamp()
           AND e.institution_id = $1 AND e.stream_id = $3 AND e.position = head.position
           AND s.institution_id = $1 AND s.id = $2 AND ${IS_TOLD}
         RETURNING ${EVENT_COLUMNS}, s.url, d.attempts`,
        keyOf(lane),
      );
      if (!next) await this.#release(lane);
      return next;
    });
  }

  /**
   * Writes down what came of an attempt; nothing when the claim is another's by now. What was replayed meanwhile
   * stays as the replay left it, and is sent again.
   */
  async record(lane: Lane, { position, attempts }: NextDelivery, outcome: Outcome): Promise<void> {
    await this.#asHolder(lane, async () => {
      const retry = outcome.kind === 'retry' && attempts < MOST_ATTEMPTS;
      const status =
        outcome.kind === 'delivered'
          ? 'DELIVERED'
          : retry || outcome.kind === 'interrupted'
            ? 'WAITING'
            : 'DEAD';
      const pauseMs = outcome.kind === 'retry' ? this.pause(attempts, outcome.askedMs) : 0;
      await this.database.execute(
        `UPDATE event_deliveries SET status = $5, http_status = $6, last_reason = $7,
           due_at = clock_timestamp() + make_interval(secs => $8), updated_at = clock_timestamp()
         WHERE ${KEY} AND position = $4 AND attempts = $9`,
        [
          ...keyOf(lane),
          position,
          status,
          'httpStatus' in outcome ? (outcome.httpStatus ?? null) : null,
          'reason' in outcome ? outcome.reason : null,
          pauseMs / 1_000,
          attempts,
        ],
      );
      if (outcome.kind === 'delivered') await this.#noteSuccess(lane);
      else if (outcome.kind !== 'interrupted') await this.#noteFailure(lane, outcome, pauseMs);
    });
  }

  /** Lets a lane go that is worked on no longer. */
  async release(lane: Lane): Promise<void> {
    await this.#asHolder(lane, () => this.#release(lane));
  }

  /** Lets all lanes go: for a process that knows to be the only one. */
  async clear(): Promise<void> {
    await this.database.execute(
      'UPDATE event_lanes SET claim = NULL, claimed_until = NULL WHERE claim IS NOT NULL',
    );
  }

  /** Renews the claim and does `write` while nobody can take it; undefined when it is another's. */
  async #asHolder<T>(lane: Lane, write: () => Promise<T>): Promise<T | undefined> {
    return this.database.transaction(async () => {
      const held = await this.database.execute(
        `UPDATE event_lanes SET claimed_until = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS})
         WHERE ${KEY} AND claim = $4`,
        [...keyOf(lane), lane.claim],
      );
      return held === 0 ? undefined : write();
    });
  }

  /**
   * What came in meanwhile waited for the lane's row, or is seen here. What is due goes behind all that is due by
   * now: however much waits in a lane, others have their turn.
   */
  async #release(lane: Lane): Promise<void> {
    await this.database.execute(
      `UPDATE event_lanes SET claim = NULL, claimed_until = NULL, due_at = (
         SELECT GREATEST(d.due_at, clock_timestamp()) FROM event_deliveries d ${WITH_EVENT}
         WHERE d.institution_id = $1 AND d.subscription_id = $2 AND d.stream_id = $3
           AND d.status = 'WAITING'
         ORDER BY d.position LIMIT 1)
       WHERE ${KEY}`,
      keyOf(lane),
    );
  }

  async #noteSuccess({ institutionId, subscriptionId }: Lane): Promise<void> {
    await this.database.execute(
      `UPDATE event_subscriptions SET failures = 0, failing_since = NULL
       WHERE institution_id = $1 AND id = $2 AND failures > 0`,
      [institutionId, subscriptionId],
    );
  }

  /**
   * Disables a subscription that wants nothing more, or has failed for too long. One that asks to wait is told of
   * nothing meanwhile, no longer than the event itself waits.
   */
  async #noteFailure({ institutionId, subscriptionId }: Lane, outcome: Outcome, pauseMs: number) {
    const askedMs = outcome.kind === 'retry' ? outcome.askedMs : undefined;
    await this.database.execute(
      `UPDATE event_subscriptions SET failures = failures + 1,
         failing_since = COALESCE(failing_since, clock_timestamp()),
         not_before = GREATEST(not_before, clock_timestamp() + make_interval(secs => $3))
       WHERE institution_id = $1 AND id = $2`,
      [institutionId, subscriptionId, askedMs === undefined ? null : Math.min(askedMs, pauseMs) / 1_000],
    );
    await this.database.execute(
      `UPDATE event_subscriptions SET disabled_at = clock_timestamp(), updated_at = clock_timestamp(),
         disabled_reason = CASE WHEN $3 THEN 'The receiver answered 410: it wants nothing more.'
           ELSE 'No attempt has succeeded for five days.' END
       WHERE institution_id = $1 AND id = $2 AND disabled_at IS NULL
         AND ($3 OR failures >= $4 AND failing_since < clock_timestamp() - make_interval(hours => $5))`,
      [institutionId, subscriptionId, outcome.kind === 'gone', FEWEST_FAILURES, MOST_FAILING_HOURS],
    );
  }
}

function keyOf({ institutionId, subscriptionId, streamId }: Lane): string[] {
  return [institutionId, subscriptionId, streamId];
}
