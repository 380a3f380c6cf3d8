import type { Database } from '../database/index.js';
import { storableText } from '../values/index.js';
import { GIVE_UP_SECONDS } from './retry-waits.js';

/** That the attendance of a session is to be sent to an integration. */
export interface SendOrder {
  integrationId: string;
  sessionId: string;
}

/** An order as it stands. */
export interface StoredOrder extends SendOrder {
  institutionId: string;
  /** One more each time that it was given again. */
  version: number;
  /** Attempts that failed. */
  attempts: number;
  /** Seconds since it was given, or something of it was corrected. */
  age: number;
}

/** An integration that knows the group or the course of sessions. */
export interface Addressee {
  id: string;
  provider: string;
  config: Record<string, unknown>;
}

/** Sessions of an institution, in which all of them are. */
export interface SessionsToSend {
  institutionId: string;
  /** UUIDs. */
  sessionIds: readonly string[];
}

const COLUMNS = `integration_id AS "integrationId", session_id AS "sessionId",
  institution_id AS "institutionId", version, attempts,
  EXTRACT(EPOCH FROM clock_timestamp() - ordered_at)::float8 AS age`;
/** After how long it is looked whether an order that is due has its job, in seconds. */
const LATE_SECONDS = 10;
const MOST_LATE = 50;

/**
 * The rows that say what is to be sent. Each is there from the transaction that closes or corrects a session
 * until the school has its marks, or it is given up.
 */
export class SendOrders {
  constructor(private readonly database: Database) {}

  /**
   * The integrations that know the group or the course of sessions, but those that are INACTIVE, and the sessions of
   * each. They are not deleted before the transaction ends. `isPast`: only sessions that the outbox has something of
   * for the integration, or that are still being tried for it: to all others every mark of them would be new. `only`:
   * of no other integration.
   */
  addressees(
    { institutionId, sessionIds }: SessionsToSend,
    { isPast = false, only }: { isPast?: boolean; only?: string | undefined } = {},
  ): Promise<(Addressee & { sessionIds: string[] })[]> {
    return this.database.query<Addressee & { sessionIds: string[] }>(
      `SELECT i.id, i.provider, i.config, known.ids AS "sessionIds"
       FROM integrations i
       JOIN LATERAL (
         SELECT array_agg(s.id) AS ids
         FROM class_sessions s
         LEFT JOIN groups g ON g.institution_id = s.institution_id AND g.id = s.group_id
         WHERE s.institution_id = $1 AND s.id = ANY($2::uuid[]) AND EXISTS (
           SELECT 1 FROM integration_mappings m
           WHERE m.integration_id = i.id
             AND ((m.entity_type = 'GROUP' AND m.internal_id = s.group_id)
               OR (m.entity_type = 'COURSE' AND m.internal_id = COALESCE(s.course_id, g.course_id))))
           AND (NOT $3 OR s.closed_at > clock_timestamp() - make_interval(secs => ${GIVE_UP_SECONDS})
             OR EXISTS (SELECT 1 FROM send_orders o WHERE o.integration_id = i.id AND o.session_id = s.id)
             OR EXISTS (SELECT 1 FROM outbox_deliveries d WHERE d.integration_id = i.id AND d.session_id = s.id))
       ) known ON known.ids IS NOT NULL
       WHERE i.institution_id = $1 AND i.status <> 'INACTIVE' AND ($4::uuid IS NULL OR i.id = $4)
       ORDER BY i.id FOR KEY SHARE OF i`,
      [institutionId, sessionIds, isPast, only ?? null],
    );
  }

  /**
   * Gives orders, or gives them again, by one statement and in the order of their keys: so that two that give
   * many do not wait for each other. `isCorrected`: these are as old as if they were new.
   */
  async give(
    institutionId: string,
    orders: readonly SendOrder[],
    { isCorrected }: { isCorrected: boolean },
  ): Promise<void> {
    await this.database.execute(
      `INSERT INTO send_orders AS o (integration_id, session_id, institution_id)
       SELECT g.integration_id, g.session_id, $1
       FROM unnest($2::uuid[], $3::uuid[]) AS g (integration_id, session_id)
       ORDER BY g.integration_id, g.session_id
       ON CONFLICT (integration_id, session_id) DO UPDATE SET version = o.version + 1,
         ordered_at = CASE WHEN $4 THEN clock_timestamp() ELSE o.ordered_at END`,
      [
        institutionId,
        orders.map(({ integrationId }) => integrationId),
        orders.map(({ sessionId }) => sessionId),
        isCorrected,
      ],
    );
  }

  /** Undefined when there is none: it was carried out, or its integration was deleted. */
  async find(order: SendOrder, { lock = false } = {}): Promise<StoredOrder | undefined> {
    const [row] = await this.database.query<StoredOrder>(
      `SELECT ${COLUMNS} FROM send_orders
       WHERE integration_id = $1 AND session_id = $2 ${lock ? 'FOR UPDATE' : ''}`,
      keyOf(order),
    );
    return row;
  }

  /** Takes an order away, unless it was given again since: then it is false, and counts as new. */
  async end(order: StoredOrder): Promise<boolean> {
    const ended = await this.database.execute(
      'DELETE FROM send_orders WHERE integration_id = $1 AND session_id = $2 AND version = $3',
      [...keyOf(order), order.version],
    );
    if (ended > 0) return true;
    await this.database.execute(
      `UPDATE send_orders SET attempts = 0, ordered_at = clock_timestamp(), next_at = clock_timestamp()
       WHERE integration_id = $1 AND session_id = $2`,
      keyOf(order),
    );
    return false;
  }

  /** Counts an attempt that failed. */
  async postpone(order: StoredOrder, seconds: number, reason: string): Promise<void> {
    await this.database.execute(
      `UPDATE send_orders SET attempts = attempts + 1, last_reason = $3,
         next_at = clock_timestamp() + make_interval(secs => $4)
       WHERE integration_id = $1 AND session_id = $2`,
      [...keyOf(order), storableText(reason), seconds],
    );
  }

  /** Orders that are late: some of them may have no job. */
  listLate(): Promise<SendOrder[]> {
    return this.database.query<SendOrder>(
      `SELECT integration_id AS "integrationId", session_id AS "sessionId" FROM send_orders
       WHERE next_at < clock_timestamp() - make_interval(secs => $1)
       ORDER BY random() LIMIT $2`,
      [LATE_SECONDS, MOST_LATE],
    );
  }
}

function keyOf({ integrationId, sessionId }: SendOrder): string[] {
  return [integrationId, sessionId];
}
