import { recordEvent } from '../audit/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import type { EventType, StoredEvent } from './event-types.js';

/** WAITING: to be sent, at first or again. DEAD: a dead letter, which is not sent again unless it is replayed. */
export type EventDeliveryStatus = 'WAITING' | 'DELIVERED' | 'DEAD';

/** What became of telling one subscription of one event. */
export interface EventDelivery {
  eventId: string;
  eventType: EventType;
  subscriptionId: string;
  status: EventDeliveryStatus;
  attempts: number;
  /** When it is sent next, unless an earlier event of its stream keeps it waiting; null: not again. */
  dueAt: Date | null;
  /** What the last attempt was answered; null: nothing. */
  httpStatus: number | null;
  /** Why the last attempt failed. */
  lastReason: string | null;
  createdAt: Date;
  updatedAt: Date;
}

export interface ListEventsRequest extends PageRequest {
  types?: readonly string[] | undefined;
  integrationId?: string | undefined;
}

export interface ListEventDeliveriesRequest extends PageRequest {
  eventId?: string | undefined;
  subscriptionId?: string | undefined;
  status?: EventDeliveryStatus | undefined;
}

/** Columns of `e`, events. */
export const EVENT_COLUMNS = `e.id, e.institution_id AS "institutionId", e.stream_id AS "streamId",
  e.position::text AS position, e.type, e.subject, e.data, e.occurred_at AS "occurredAt"`;

const KEY_OF_TIME = (column: string) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The events that are kept, and what became of telling them. */
export class EventStore {
  constructor(private readonly database: Database) {}

  /** Events of an institution, the newest first. */
  async list(institutionId: string, request: ListEventsRequest): Promise<Page<StoredEvent>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.time, TOKEN.position]);
    const { types = [], integrationId } = request;
    const rows = await this.database.query<StoredEvent & { key: string }>(
      `SELECT ${EVENT_COLUMNS}, ${KEY_OF_TIME('e.occurred_at')} AS key
       FROM events e
       WHERE e.institution_id = $1 AND ($3::text[] = '{}' OR e.type = ANY($3))
         AND ($4::uuid IS NULL OR e.stream_id = $4)
         ${key ? 'AND (e.occurred_at, e.position) < ($5::timestamptz, $6::bigint)' : ''}
       ORDER BY e.occurred_at DESC, e.position DESC LIMIT $2`,
      [institutionId, size + 1, types, integrationId ?? null, ...(key ?? [])],
    );
    return toPage(
      rows,
      size,
      (row) => [row.key, row.position],
      ({ key: _, ...event }) => event,
    );
  }

  /** Throws `not_found`. */
  async get(institutionId: string, id: string): Promise<StoredEvent> {
    const [event] = await this.database.query<StoredEvent>(
      `SELECT ${EVENT_COLUMNS} FROM events e WHERE e.institution_id = $1 AND e.id = $2`,
      [institutionId, id],
    );
    if (event) return event;
    throw new ServiceError('not_found', `There is no event ${id} of this institution.`, {
      reason: 'EVENT_NOT_FOUND',
    });
  }

  /** What became of telling events, those last queued first. */
  async listDeliveries(
    institutionId: string,
    request: ListEventDeliveriesRequest,
  ): Promise<Page<EventDelivery>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.position, TOKEN.uuid]);
    const { eventId, subscriptionId, status } = request;
    const rows = await this.database.query<EventDelivery & { position: string }>(
      `SELECT d.event_id AS "eventId", e.type AS "eventType", d.subscription_id AS "subscriptionId", d.status,
         d.attempts, CASE WHEN d.status = 'WAITING' THEN d.due_at END AS "dueAt",
         d.http_status AS "httpStatus", d.last_reason AS "lastReason", d.created_at AS "createdAt",
         d.updated_at AS "updatedAt", d.position::text AS position
       FROM event_deliveries d
       JOIN events e ON e.institution_id = d.institution_id AND e.stream_id = d.stream_id
         AND e.position = d.position
       WHERE d.institution_id = $1 AND ($3::uuid IS NULL OR d.event_id = $3)
         AND ($4::uuid IS NULL OR d.subscription_id = $4) AND ($5::text IS NULL OR d.status = $5)
         ${key ? 'AND (d.position, d.subscription_id) < ($6::bigint, $7::uuid)' : ''}
       ORDER BY d.position DESC, d.subscription_id DESC LIMIT $2`,
      [institutionId, size + 1, eventId ?? null, subscriptionId ?? null, status ?? null, ...(key ?? [])],
    );
    return toPage(
      rows,
      size,
      (row) => [row.position, row.subscriptionId],
      ({ position: _, ...delivery }) => delivery,
    );
  }

  /**
   * Lets an event be told again, with the same id: to one subscription, or to all that were told of it or
   * should have been. It goes before what waits in its stream. Returns to how many. Throws `not_found`.
   */
  async replay(institutionId: string, id: string, subscriptionId: string | undefined): Promise<number> {
    return this.database.transaction(async () => {
      const event = await this.get(institutionId, id);
      const values = [institutionId, event.streamId, event.position, id, event.type, subscriptionId ?? null];
      // Lanes before deliveries, as whoever sends them locks them.
      const lanes = await this.database.query<{ subscriptionId: string }>(
        `INSERT INTO event_lanes (institution_id, subscription_id, stream_id, due_at)
         SELECT s.institution_id, s.id, $2, clock_timestamp()
         FROM event_subscriptions s
         WHERE s.institution_id = $1 AND s.disabled_at IS NULL
           AND CASE WHEN $6::uuid IS NULL THEN s.types = '{}' OR $5 = ANY(s.types)
             OR EXISTS (SELECT 1 FROM event_deliveries d
               WHERE d.institution_id = $1 AND d.subscription_id = s.id AND d.event_id = $4
                 AND d.position = $3)
             ELSE s.id = $6 END
         ORDER BY s.id
         FOR KEY SHARE OF s
         ON CONFLICT (institution_id, subscription_id, stream_id) DO UPDATE SET due_at = excluded.due_at
         RETURNING subscription_id AS "subscriptionId"`,
        values,
      );
      await this.database.execute(
        `INSERT INTO event_deliveries (institution_id, subscription_id, stream_id, position, event_id)
         SELECT $1, s.id, $2, $3, $4 FROM unnest($5::uuid[]) AS s (id)
         ON CONFLICT (institution_id, subscription_id, stream_id, position)
         DO UPDATE SET status = 'WAITING', attempts = 0, due_at = clock_timestamp(), last_reason = NULL,
           http_status = NULL, updated_at = clock_timestamp()`,
        [institutionId, event.streamId, event.position, id, lanes.map((lane) => lane.subscriptionId)],
      );
      const told = lanes.map((lane) => lane.subscriptionId);
      await recordEvent(this.database, {
        institutionId,
        action: 'event.replayed',
        objectType: 'EVENT',
        objectId: id,
        after: { type: event.type, subscriptions: told },
      });
      return told.length;
    });
  }
}
