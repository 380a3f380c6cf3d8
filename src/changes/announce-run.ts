import type { Database } from '../database/index.js';
import { emit } from '../events/index.js';
import { IN_FEED } from './change-log.js';

/** A run that was given its place in the change log. */
export interface LoggedRun {
  id: string;
  integrationId: string;
  institutionId: string;
  entityType: string;
}

/**
 * Tells that a run has made the feed grow, if it has. Call it in the transaction that gives the run its
 * position, last of all.
 */
export async function announceRun(database: Database, run: LoggedRun): Promise<void> {
  const { id, integrationId, institutionId, entityType } = run;
  const [logged] = await database.query<{ position: string }>(
    `SELECT r.applied_position::text AS position FROM sync_runs r
     WHERE r.integration_id = $1 AND r.id = $2 AND EXISTS (
       SELECT 1 FROM sync_changes c WHERE c.integration_id = $1 AND c.run_id = $2 AND ${IN_FEED})`,
    [integrationId, id],
  );
  if (!logged) return;
  await emit(database, {
    institutionId,
    integrationId,
    type: 'roster.changed',
    subject: `runs/${id}`,
    data: { integrationId, runId: id, entityType, position: logged.position },
  });
}
