import type { Database } from '../../database/index.js';
import { asManualRun } from './manual-run.js';

/**
 * Takes away the mapping of an external id, because a person decided that the id now is somebody else's: the
 * entity stays, and is no longer mapped. A run of its own in the log of changes. To be called in a
 * transaction that holds the integration's row. Throws `aborted` while a sync of the same entity type is
 * under way.
 */
export async function unlinkMapping(
  database: Database,
  { integrationId, institutionId }: { integrationId: string; institutionId: string },
  { entityType, externalId, internalId }: { entityType: string; externalId: string; internalId: string },
): Promise<void> {
  const decision = 'the id was re-used';
  await asManualRun(database, { integrationId, institutionId, entityType, decision }, async (runId) => {
    await database.execute(
      'DELETE FROM integration_mappings WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3 AND internal_id = $4',
      [integrationId, entityType, externalId, internalId],
    );
    await database.execute(
      `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id,
        before, after)
       VALUES ($1, $2, 1, $3, 'UNLINK', $4, $5, '{}', '{}')`,
      [integrationId, runId, entityType, internalId, externalId],
    );
  });
}
