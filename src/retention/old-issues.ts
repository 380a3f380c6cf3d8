import type { Database } from '../database/index.js';
import { isOlderThan, ROWS_AT_ONCE, RUNS_AT_ONCE } from './periods.js';

/**
 * Deletes the issues of the runs of an integration that ended long ago, but those of plans that wait, and of the
 * latest sync of each entity type: they say whether the next reading may go on after it. Returns how many went.
 */
export async function dropOldIssues(database: Database, integrationId: string, days: number) {
  const latest = await database.query<{ id: string }>(
    `SELECT DISTINCT ON (entity_type) id FROM sync_runs
     WHERE integration_id = $1 AND status = 'COMPLETED' AND kind = 'SYNC' AND NOT pushed AND external_ids IS NULL
     ORDER BY entity_type, started_at DESC, id DESC`,
    [integrationId],
  );
  let rows = 0;
  while (true) {
    const marked = await database.query<{ id: string }>(
      `UPDATE sync_runs SET issues_dropped_at = clock_timestamp()
       WHERE integration_id = $1 AND id = ANY(ARRAY(
         SELECT r.id
         FROM integrations i
         JOIN sync_runs r ON r.integration_id = i.id
         WHERE i.id = $1 AND r.issues_dropped_at IS NULL
           AND r.status IN ('COMPLETED', 'FAILED', 'DISCARDED', 'CANCELED') AND ${isOlderThan('$2')}
           AND r.id <> ALL($3::uuid[])
         ORDER BY r.started_at LIMIT ${RUNS_AT_ONCE} FOR UPDATE OF r SKIP LOCKED))
       RETURNING id`,
      [integrationId, days, latest.map(({ id }) => id)],
    );
    // And of a process that was killed on the way.
    const lately = await database.query<{ id: string }>(
      `SELECT r.id FROM sync_runs r
       WHERE r.integration_id = $1 AND r.issues_dropped_at > clock_timestamp() - interval '7 days'
         AND EXISTS (SELECT 1 FROM sync_issues s WHERE s.integration_id = $1 AND s.run_id = r.id)
       LIMIT ${2 * RUNS_AT_ONCE}`,
      [integrationId],
    );
    const before = rows;
    rows += await deleteOf(
      database,
      'sync_issues',
      integrationId,
      lately.map(({ id }) => id),
    );
    if (marked.length === 0 && rows === before) return rows;
  }
}

/** Deletes all rows of a table that belong to these runs, in batches. */
export async function deleteOf(
  database: Database,
  table: 'sync_issues' | 'sync_staged',
  integrationId: string,
  runIds: readonly string[],
): Promise<number> {
  let rows = 0;
  for (let count = ROWS_AT_ONCE; runIds.length > 0 && count === ROWS_AT_ONCE; rows += count) {
    count = await database.execute(
      `DELETE FROM ${table}
       WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${table}
         WHERE integration_id = $1 AND run_id = ANY($2::uuid[]) LIMIT ${ROWS_AT_ONCE}))
         AND integration_id = $1`,
      [integrationId, runIds],
    );
  }
  return rows;
}
