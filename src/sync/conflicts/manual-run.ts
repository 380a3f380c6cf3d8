import { randomUUID } from 'node:crypto';
import { recordEvent } from '../../audit/index.js';
import { lockInstitution, NEXT_POSITION } from '../../changes/index.js';
import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';

/** What a person decided to do to mappings. */
export interface ManualRun {
  integrationId: string;
  institutionId: string;
  entityType: string;
  /** Why, in the words of a person or ours. */
  decision: string | null;
}

/**
 * Does `work` as a run of its own in the log of changes, which keeps syncs of the same entity type away until
 * the transaction ends. To be called in a transaction that holds the integration's row. Throws `aborted`
 * while such a sync is under way.
 */
export async function asManualRun(
  database: Database,
  { integrationId, institutionId, entityType, decision }: ManualRun,
  work: (runId: string) => Promise<void>,
): Promise<void> {
  await lockInstitution(database, institutionId);
  const runId = randomUUID();
  // A sync that begins meanwhile waits for this transaction, because only one run of an entity type can be
  // RUNNING.
  const begun = await database.execute(
    `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, kind, owner, lease_until,
      decision)
     VALUES ($1, $2, $3, $4, 'MANUAL', $2, now(), $5)
     ON CONFLICT (integration_id, entity_type) WHERE status = 'RUNNING' DO NOTHING`,
    [integrationId, runId, institutionId, entityType, decision],
  );
  if (begun === 0) {
    throw new ServiceError(
      'aborted',
      `A sync of ${entityType} is running for this integration. Try again after it.`,
      { reason: 'SYNC_ALREADY_RUNNING' },
    );
  }
  await work(runId);
  await database.execute(
    `UPDATE sync_runs SET status = 'COMPLETED', stage = 'REPORT', applied_position = ${NEXT_POSITION},
       finished_at = clock_timestamp() WHERE integration_id = $1 AND id = $2`,
    [integrationId, runId],
  );
  await recordEvent(database, {
    institutionId,
    action: 'mapping.repaired',
    objectType: 'SYNC_RUN',
    objectId: runId,
    integrationId,
    runId,
    after: { entityType, decision },
  });
}
