import { recordEvent } from '../../audit/index.js';
import type { Database } from '../../database/index.js';
import type { SyncRun } from './sync-run.js';

/** Writes into the audit what somebody did to a run. */
export async function recordRun(
  database: Database,
  done: 'started' | 'approved' | 'discarded' | 'canceled',
  { id, integrationId, institutionId }: Pick<SyncRun, 'id' | 'integrationId' | 'institutionId'>,
  change: { before?: object; after: object },
): Promise<void> {
  await recordEvent(database, {
    institutionId,
    action: `sync_run.${done}`,
    objectType: 'SYNC_RUN',
    objectId: id,
    integrationId,
    runId: id,
    ...change,
  });
}
