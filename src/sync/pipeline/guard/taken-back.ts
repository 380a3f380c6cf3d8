import type { Database } from '../../../database/index.js';
import type { SyncRun } from '../../runs/sync-run.js';

/**
 * The runs of an integration that stand taken back: by a rollback that was not taken back itself. Of a run of
 * all entity types each part is taken back by a run of its own.
 */
export async function findTakenBack(
  database: Database,
  { integrationId }: Pick<SyncRun, 'integrationId'>,
): Promise<string[]> {
  const rollbacks = await database.query<{ id: string; rollsBack: string }>(
    `SELECT id, rolls_back AS "rollsBack"
     FROM sync_runs
     WHERE integration_id = $1 AND rolls_back IS NOT NULL AND status = 'COMPLETED'
       AND applied_position IS NOT NULL
     ORDER BY applied_position DESC`,
    [integrationId],
  );
  const takenBack = new Set<string>();
  // The newest first: what takes a rollback back comes after it.
  for (const { id, rollsBack } of rollbacks) if (!takenBack.has(id)) takenBack.add(rollsBack);
  return [...takenBack];
}
