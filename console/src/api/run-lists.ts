import { useInfiniteQuery } from '@connectrpc/connect-query';
import type {
  SyncChange_Action,
  SyncChange_Outcome,
  SyncIssue_Severity,
} from '@gen/smartid/integrations/v1/sync_pb.js';
import { useMemo } from 'react';
import { integrationsApi } from './clients.js';

const PAGE = 500;

export interface OfRun {
  id: string;
  runId: string;
}

export function useChanges(of: OfRun, filter: { action?: SyncChange_Action; outcome?: SyncChange_Outcome }) {
  const found = useInfiniteQuery(
    integrationsApi.listSyncChanges,
    { ...of, ...filter, pageSize: PAGE, pageToken: '' },
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const items = useMemo(() => found.data?.pages.flatMap(({ changes }) => changes) ?? [], [found.data]);
  return { ...found, items };
}

export function useIssues(of: OfRun, severity?: SyncIssue_Severity) {
  const found = useInfiniteQuery(
    integrationsApi.listSyncIssues,
    { ...of, ...(severity !== undefined && { severity }), pageSize: PAGE, pageToken: '' },
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const items = useMemo(() => found.data?.pages.flatMap(({ issues }) => issues) ?? [], [found.data]);
  return { ...found, items };
}
