import { randomUUID } from 'node:crypto';
import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';

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
  await database.query('SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))', [institutionId]);
  const runId = randomUUID();
  // A sync that begins meanwhile waits for this transaction, because only one run of an entity type can be
  // RUNNING.
  const begun = await database.execute(
    `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, kind, owner, lease_until, decision)
     VALUES ($1, $2, $3, $4, 'MANUAL', $2, now(), 'the id was re-used')
     ON CONFLICT (integration_id, entity_type) WHERE status = 'RUNNING' DO NOTHING`,
    [integrationId, runId, institutionId, entityType],
  );
  if (begun === 0) {
    throw new ServiceError(
      'aborted',
      `A sync of ${entityType} is running for this integration. Try again after it.`,
      {
        reason: 'SYNC_ALREADY_RUNNING',
      },
    );
  }
  await database.execute(
    'DELETE FROM integration_mappings WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3 AND internal_id = $4',
    [integrationId, entityType, externalId, internalId],
  );
  await database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before, after)
     VALUES ($1, $2, 1, $3, 'UNLINK', $4, $5, '{}', '{}')`,
    [integrationId, runId, entityType, internalId, externalId],
  );
  await database.execute(
    `UPDATE sync_runs SET status = 'COMPLETED', stage = 'REPORT', applied_position = nextval('sync_runs_position'),
       finished_at = clock_timestamp() WHERE integration_id = $1 AND id = $2`,
    [integrationId, runId],
  );
}
