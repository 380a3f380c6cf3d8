import type { Database } from '../database/index.js';

const ROWS = 2_000;

/**
 * Deletes the deliveries of sessions of which none has changed for long, all of a session at once: the versions
 * of a mark are told by those before. Not while the session is being sent. Returns how many went.
 */
export async function dropOldDeliveries(database: Database, integrationId: string, days: number) {
  let rows = 0;
  // A text: a Date has no microseconds, and would lead to the same rows again.
  let from: string | null = null;
  while (true) {
    const old: { sessionId: string; createdAt: string }[] = await database.query(
      `SELECT session_id AS "sessionId", created_at::text AS "createdAt"
       FROM outbox_deliveries d
       WHERE integration_id = $1 AND created_at < clock_timestamp() - make_interval(days => $2::int)
         AND ($3::timestamptz IS NULL OR created_at > $3)
       ORDER BY d.created_at LIMIT ${ROWS}`,
      [integrationId, days, from],
    );
    if (old.length === 0) return rows;
    from = old.at(-1)?.createdAt ?? null;
    rows += await database.execute(
      `DELETE FROM outbox_deliveries d
       WHERE d.integration_id = $1 AND d.session_id = ANY($2::uuid[])
         AND NOT EXISTS (SELECT 1 FROM outbox_deliveries later
           WHERE later.integration_id = $1 AND later.session_id = d.session_id
             AND later.updated_at >= clock_timestamp() - make_interval(days => $3::int))
         AND NOT EXISTS (SELECT 1 FROM send_orders o
           WHERE o.integration_id = $1 AND o.session_id = d.session_id)
         AND NOT EXISTS (SELECT 1 FROM leases l
           WHERE l.integration_id = $1 AND l.resource = 'session:' || d.session_id::text)`,
      [integrationId, [...new Set(old.map(({ sessionId }) => sessionId))], days],
    );
  }
}
