import type { Database } from '../../../database/index.js';
import type { SyncRun } from '../../runs/sync-run.js';

/**
 * The runs whose plans tell ids that nothing is mapped to yet: the run itself, and of a preview of all entity
 * types the parts before it, whose plans are approved before its own.
 */
export async function earlierPlans(database: Database, run: SyncRun): Promise<string[]> {
  if (run.kind !== 'PREVIEW' || run.parentId === null) return [run.id];
  const parts = await database.query<{ id: string }>(
    `SELECT id FROM sync_runs WHERE integration_id = $1 AND parent_id = $2 AND status = 'PREVIEWED'`,
    [run.integrationId, run.parentId],
  );
  return [run.id, ...parts.map(({ id }) => id)];
}
