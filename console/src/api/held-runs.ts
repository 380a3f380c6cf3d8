import { useQuery } from '@connectrpc/connect-query';
import { SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { integrationsApi } from './clients.js';
import { LIVELY } from './query-client.js';

/** Plans that wait for a person: those of runs of all entity types once, not once more for each part. */
export function useHeldRuns() {
  return useQuery(
    integrationsApi.listSyncRuns,
    { status: SyncRun_Status.HELD, pageSize: 200 },
    { ...LIVELY, select: ({ runs }) => runs.filter(({ parentId }) => parentId === undefined) },
  );
}
