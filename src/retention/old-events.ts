import type { Database } from '../database/index.js';
import { ROWS_AT_ONCE } from './periods.js';

/**
 * Deletes events that are older than so many days, and what became of telling them, of all institutions. One
 * that somebody still has to be told of stays. Returns how many events went.
 */
export async function dropOldEvents(database: Database, days: number): Promise<number> {
  let events = 0;
  for (let institutionId = await nextInstitution(database); institutionId !== undefined; ) {
    const dropped = await dropSome(database, institutionId, days);
    events += dropped;
    if (dropped < ROWS_AT_ONCE) institutionId = await nextInstitution(database, institutionId);
  }
  return events;
}

async function nextInstitution(database: Database, after?: string): Promise<string | undefined> {
  const [row] = await database.query<{ id: string }>(
    `SELECT institution_id AS id FROM events
     WHERE $1::uuid IS NULL OR institution_id > $1
     ORDER BY institution_id LIMIT 1`,
    [after ?? null],
  );
  return row?.id;
}

async function dropSome(database: Database, institutionId: string, days: number): Promise<number> {
  const [row] = await database.query<{ events: number }>(
    `WITH old AS (
       SELECT e.stream_id, e.position, e.id FROM events e
       WHERE e.institution_id = $1 AND e.occurred_at < clock_timestamp() - make_interval(days => $2::int)
         AND NOT EXISTS (SELECT 1 FROM event_deliveries d
           WHERE d.institution_id = $1 AND d.event_id = e.id AND d.status = 'WAITING')
       ORDER BY e.occurred_at, e.id LIMIT ${ROWS_AT_ONCE}
     ), told AS (
       DELETE FROM event_deliveries d USING old
       WHERE d.institution_id = $1 AND d.event_id = old.id
     ), dropped AS (
       DELETE FROM events e USING old
       WHERE e.institution_id = $1 AND e.stream_id = old.stream_id AND e.position = old.position
       RETURNING e.id
     )
     SELECT count(*)::int AS events FROM dropped`,
    [institutionId, days],
  );
  return row?.events ?? 0;
}
