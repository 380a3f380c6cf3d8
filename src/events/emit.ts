import { randomUUID } from 'node:crypto';
import type { Database } from '../database/index.js';
import { presentable } from '../errors.js';
import { storableJson } from '../values/index.js';
import type { EventData, EventType } from './event-types.js';

/** Something that the transaction under way brings about. */
export interface EventDraft<T extends EventType> {
  institutionId: string;
  /** The integration that did it; undefined where none did. */
  integrationId?: string | undefined;
  type: T;
  /** What it is about, below its source: `runs/<id>`. */
  subject?: string | undefined;
  data: EventData[T];
}

/**
 * Writes an event, and that each subscription that wants it is to be told, into the transaction under way:
 * the event exists exactly when what it tells of was committed. Events of one integration are in the order of
 * commits, because the stream is locked until the transaction ends: so call it last, when nothing that takes
 * long or waits for another lock follows.
 */
export async function emit<T extends EventType>(database: Database, event: EventDraft<T>): Promise<void> {
  const { institutionId, integrationId = institutionId, type, subject, data } = event;
  await database.transaction(async () => {
    await database.query(
      'SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2::uuid::text, 2))',
      [institutionId, integrationId],
    );
    await database.execute(
      `WITH event AS (
         INSERT INTO events (institution_id, stream_id, position, id, type, subject, data, occurred_at)
         VALUES ($1, $2, nextval('events_position'), $3, $4, $5, $6, clock_timestamp())
         RETURNING institution_id, stream_id, position, id, type
       ), wanted AS (
         INSERT INTO event_deliveries (institution_id, subscription_id, stream_id, position, event_id)
         SELECT e.institution_id, s.id, e.stream_id, e.position, e.id
         FROM event e
         JOIN event_subscriptions s ON s.institution_id = e.institution_id
         WHERE s.disabled_at IS NULL AND (s.types = '{}' OR e.type = ANY(s.types))
         -- One that is deleted meanwhile takes these rows with it.
         FOR KEY SHARE OF s
         RETURNING institution_id, subscription_id, stream_id
       )
       INSERT INTO event_lanes (institution_id, subscription_id, stream_id, due_at)
       SELECT institution_id, subscription_id, stream_id, clock_timestamp() FROM wanted
       ON CONFLICT (institution_id, subscription_id, stream_id)
       DO UPDATE SET due_at = COALESCE(event_lanes.due_at, excluded.due_at)`,
      [institutionId, integrationId, randomUUID(), type, subject ?? null, storableJson(bounded(data))],
    );
  });
}

/** With its texts as long as they may be: whatever a school's system said, NATS and receivers take the event. */
function bounded<T extends object>(data: T): T {
  return JSON.parse(
    JSON.stringify(data, (_, value) => (typeof value === 'string' ? presentable(value) : value)),
  );
}
