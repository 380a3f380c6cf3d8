import type { Database } from '../database/index.js';
import { isOlderThan, ROWS_AT_ONCE, RUNS_AT_ONCE } from './periods.js';

/** Actions that say whom an id stands for: they are kept, in mapping_archive. */
const WHO = `('CREATE', 'LINK', 'UNLINK', 'DELETE', 'REKEY')`;

/** Runs that are being taken back. */
const TAKEN_BACK = `SELECT b.rolls_back FROM sync_runs b
  WHERE b.integration_id = $1 AND b.rolls_back IS NOT NULL AND b.status IN ('QUEUED', 'RUNNING')`;

/**
 * Deletes the changes of the runs of an integration that ended long ago. First the runs are marked: from then on
 * none can be taken back, and the feed of the institution begins after them. Returns how many rows went.
 */
export async function dropOldChanges(database: Database, integrationId: string, days: number) {
  // Of a process that was killed on the way.
  let rows = await deleteChanges(database, integrationId, await markedLately(database, integrationId));
  while (true) {
    const runIds = await markRuns(database, integrationId, days);
    if (runIds.length === 0) return rows;
    rows += await deleteChanges(database, integrationId, runIds);
  }
}

function markRuns(database: Database, integrationId: string, days: number): Promise<string[]> {
  return database.transaction(async () => {
    const candidates = await database.query<{ id: string }>(
      `SELECT r.id
       FROM integrations i
       JOIN sync_runs r ON r.integration_id = i.id
       WHERE i.id = $1 AND r.changes_dropped_at IS NULL
         AND r.status IN ('COMPLETED', 'FAILED', 'DISCARDED', 'CANCELED') AND ${isOlderThan('$2')}
       ORDER BY r.started_at LIMIT ${RUNS_AT_ONCE} FOR UPDATE OF r SKIP LOCKED`,
      [integrationId, days],
    );
    if (candidates.length === 0) return [];
    // Whoever takes one back has locked it first, and is seen by this later statement.
    const marked = await database.query<{ id: string }>(
      `WITH marked AS (
         UPDATE sync_runs r SET changes_dropped_at = clock_timestamp()
         WHERE r.integration_id = $1 AND r.id = ANY($2::uuid[])
           AND r.id NOT IN (${TAKEN_BACK}) AND (r.parent_id IS NULL OR r.parent_id NOT IN (${TAKEN_BACK}))
         RETURNING r.id, r.institution_id, r.applied_position, COALESCE(r.finished_at, r.started_at) AS at,
           COALESCE(r.planned_changes, 1) > 0 AS has_plan
       ), start AS (
         INSERT INTO feed_starts AS f (institution_id, position, changed_at)
         SELECT institution_id, max(applied_position), max(at) FROM marked
         WHERE applied_position IS NOT NULL AND has_plan
         GROUP BY institution_id
         ON CONFLICT (institution_id) DO UPDATE
           SET position = excluded.position, changed_at = excluded.changed_at
           WHERE f.position < excluded.position
       )
       SELECT id FROM marked`,
      [integrationId, candidates.map(({ id }) => id)],
    );
    return marked.map(({ id }) => id);
  });
}

async function markedLately(database: Database, integrationId: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `SELECT r.id FROM sync_runs r
     WHERE r.integration_id = $1 AND r.changes_dropped_at > clock_timestamp() - interval '7 days'
       AND EXISTS (SELECT 1 FROM sync_changes c WHERE c.integration_id = $1 AND c.run_id = r.id)`,
    [integrationId],
  );
  return rows.map(({ id }) => id);
}

/** In batches, each with what it keeps for the history of mappings. */
export async function deleteChanges(
  database: Database,
  integrationId: string,
  runIds: readonly string[],
): Promise<number> {
  let rows = 0;
  while (runIds.length > 0) {
    const [{ count } = { count: 0 }] = await database.query<{ count: number }>(
      `WITH gone AS (
         DELETE FROM sync_changes
         WHERE ctid = ANY(ARRAY(SELECT ctid FROM sync_changes
           WHERE integration_id = $1 AND run_id = ANY($2::uuid[]) LIMIT ${ROWS_AT_ONCE}))
           AND integration_id = $1
         RETURNING *
       ), kept AS (
         INSERT INTO mapping_archive (integration_id, position, seq, run_id, run_kind, at, entity_type,
           action, external_id, internal_id, former_external_id, reason)
         SELECT c.integration_id, r.applied_position, c.seq, r.id, r.kind,
           COALESCE(r.finished_at, r.started_at), c.entity, c.action, c.external_id, c.internal_id,
           c.before->>'externalId', r.decision
         FROM gone c
         JOIN sync_runs r ON r.integration_id = c.integration_id AND r.id = c.run_id
         WHERE r.applied_position IS NOT NULL AND c.outcome IS NULL AND c.entity <> 'MEMBERSHIP'
           AND c.action IN ${WHO}
         ON CONFLICT DO NOTHING
       )
       SELECT count(*)::int AS count FROM gone`,
      [integrationId, runIds],
    );
    if (count === 0) break;
    rows += count;
  }
  return rows;
}
