import { useQuery } from '@connectrpc/connect-query';
import type { SyncRun } from '@gen/smartid/integrations/v1/sync_pb.js';
import { SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { integrationsApi } from './clients.js';
import { LIVELY } from './query-client.js';

/** The newest runs of all integrations, or of one; parts of runs of everything are not told apart. */
export function useRecentRuns(id = '', pageSize = 200) {
  return useQuery(
    integrationsApi.listSyncRuns,
    { id, pageSize },
    { ...LIVELY, select: ({ runs }) => runs.filter(({ parentId }) => parentId === undefined) },
  );
}

export function isUnderWay({ status }: SyncRun): boolean {
  return status === SyncRun_Status.RUNNING || status === SyncRun_Status.QUEUED;
}

/** A plan that a person decides about. */
export function isPlan({ status }: SyncRun): boolean {
  return status === SyncRun_Status.HELD || status === SyncRun_Status.PREVIEWED;
}

export function pathOf({ integrationId, id }: Pick<SyncRun, 'integrationId' | 'id'>): string {
  return `/console/integrations/${integrationId}/runs/${id}`;
}
