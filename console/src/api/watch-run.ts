import { createClient } from '@connectrpc/connect';
import type { SyncRun, SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { IntegrationService } from './clients.js';
import { isFinal } from './query-client.js';
import { isUnderWay } from './runs.js';
import { session } from './session.js';
import { transport } from './transport.js';

const client = createClient(IntegrationService, transport);
/** How long is waited before it is connected again, in milliseconds: longer each time, up to the last. */
const WAITS = [250, 500, 1_000, 2_000, 4_000] as const;

export interface WatchedRun {
  run: SyncRun | undefined;
  /** Of a run of all entity types: those that were begun. */
  parts: readonly SyncRun[];
  /** Whether the service was lost, and is being looked for. */
  isLost: boolean;
  /** Why nothing more can be told. */
  error: unknown;
}

const NOTHING: WatchedRun = { run: undefined, parts: [], isLost: false, error: undefined };

/**
 * A run as it goes. When the connection breaks it is made anew: WatchSync tells first how the run stands.
 * `status`: as it was last seen elsewhere; when that changes, a run that had ended is under way again.
 */
export function useWatchedRun(id: string, runId: string, status?: SyncRun_Status): WatchedRun {
  const [watched, setWatched] = useState(NOTHING);
  const queries = useQueryClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another status begins anew
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const tell = (news: Partial<WatchedRun>) => setWatched((known) => ({ ...known, ...news }));
    void watch({ id, runId, signal, tell }).then(() => {
      // What it did shows in lists of other parts of the page.
      if (!signal.aborted) void queries.invalidateQueries();
    });
    return () => leaving.abort();
  }, [id, runId, status, queries]);
  return watched;
}

interface Watching {
  id: string;
  runId: string;
  signal: AbortSignal;
  tell: (news: Partial<WatchedRun>) => void;
}

async function watch({ id, runId, signal, tell }: Watching): Promise<void> {
  for (let failures = 0; !signal.aborted && session.token !== undefined; ) {
    try {
      let last: SyncRun | undefined;
      for await (const { run, parts } of client.watchSync({ id, runId }, { signal })) {
        failures = 0;
        last = run;
        tell({ run, parts, isLost: false, error: undefined });
      }
      if (last && !isUnderWay(last)) return;
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) return tell({ error, isLost: false });
      tell({ isLost: true });
    }
    await pause(WAITS[Math.min(failures, WAITS.length - 1)] as number, signal);
    failures++;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
