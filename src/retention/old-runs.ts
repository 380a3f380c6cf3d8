import type { Database } from '../database/index.js';
import { deleteChanges } from './old-changes.js';
import { deleteOf } from './old-issues.js';
import { isOlderThan, RUNS_AT_ONCE } from './periods.js';

/** Of each entity type, so many of the latest runs stay, however old: schedules and drift look back on them. */
const LATEST_KEPT = 50;

/**
 * The runs of an integration that must stay, however old: the latest ones of each entity type, the latest sync
 * (where the next reading goes on), the latest that read rows, and the latest that a person approved.
 */
const STAYS = `SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY entity_type ORDER BY started_at DESC, id DESC) AS nth
    FROM sync_runs WHERE integration_id = $1) latest WHERE nth <= ${LATEST_KEPT}
  UNION ALL
  (SELECT DISTINCT ON (entity_type) id FROM sync_runs
   WHERE integration_id = $1 AND status = 'COMPLETED' AND kind = 'SYNC' AND NOT pushed AND external_ids IS NULL
   ORDER BY entity_type, started_at DESC, id DESC)
  UNION ALL
  (SELECT DISTINCT ON (entity_type) id FROM sync_runs
   WHERE integration_id = $1 AND status = 'COMPLETED' AND kind IN ('SYNC', 'PREVIEW') AND rolls_back IS NULL
     AND (evidence->>'rows')::int > 0
   ORDER BY entity_type, started_at DESC)
  UNION ALL
  (SELECT DISTINCT ON (entity_type) id FROM sync_runs
   WHERE integration_id = $1 AND status = 'COMPLETED' AND approved_at IS NOT NULL
   ORDER BY entity_type, approved_at DESC)`;

/**
 * Deletes the runs of an integration that ended long ago and whose changes and issues are gone. A run of all
 * entity types stays as long as one of its parts. Returns how many went.
 */
export async function dropOldRuns(database: Database, integrationId: string, days: number) {
  const stay = (await database.query<{ id: string }>(STAYS, [integrationId])).map(({ id }) => id);
  let rows = 0;
  while (true) {
    const runs = await database.query<{ id: string }>(
      `SELECT r.id
       FROM integrations i
       JOIN sync_runs r ON r.integration_id = i.id
       WHERE i.id = $1 AND r.changes_dropped_at IS NOT NULL AND r.issues_dropped_at IS NOT NULL
         AND ${isOlderThan('$2')} AND r.id <> ALL($3::uuid[])
         AND r.id NOT IN (SELECT part.parent_id FROM sync_runs part
           WHERE part.integration_id = $1 AND part.parent_id IS NOT NULL)
       ORDER BY r.started_at LIMIT ${RUNS_AT_ONCE}`,
      [integrationId, days, stay],
    );
    const runIds = runs.map(({ id }) => id);
    // What a process left that was killed long ago.
    await deleteChanges(database, integrationId, runIds);
    await deleteOf(database, 'sync_issues', integrationId, runIds);
    const gone = await database.execute(
      `DELETE FROM sync_runs WHERE integration_id = $1 AND id = ANY(ARRAY(
         SELECT id FROM sync_runs WHERE integration_id = $1 AND id = ANY($2::uuid[]) FOR UPDATE SKIP LOCKED))`,
      [integrationId, runIds],
    );
    if (gone === 0) return rows;
    rows += gone;
  }
}

/** Deletes rows that were staged for runs that have ended. Returns how many went. */
export async function dropStaged(database: Database, integrationId: string): Promise<number> {
  const runs = await database.query<{ id: string }>(
    `SELECT DISTINCT s.run_id AS id FROM sync_staged s
     WHERE s.integration_id = $1 AND NOT EXISTS (
       SELECT 1 FROM sync_runs r
       WHERE r.integration_id = $1 AND r.id = s.run_id AND (r.status IN ('QUEUED', 'RUNNING')
         OR r.finished_at > clock_timestamp() - interval '1 day'))`,
    [integrationId],
  );
  return deleteOf(
    database,
    'sync_staged',
    integrationId,
    runs.map(({ id }) => id),
  );
}
