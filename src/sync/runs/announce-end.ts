import type { Database } from '../../database/index.js';
import { type EventType, emit } from '../../events/index.js';
import type { SyncRun } from './sync-run.js';

const TYPES: Partial<Record<SyncRun['status'], Extract<EventType, `sync.${string}`>>> = {
  COMPLETED: 'sync.completed',
  HELD: 'sync.held',
  FAILED: 'sync.failed',
};

/** Tells how a run ended, in the transaction that ends it. Whoever asked for a preview has its plan. */
export async function announceEnd(database: Database, run: SyncRun): Promise<void> {
  const type = TYPES[run.status];
  if (!type) return;
  const { id: runId, institutionId, integrationId, parentId, entityType, kind, attempt } = run;
  const { counts, membershipCounts, error, startedAt, finishedAt } = run;
  await emit(database, {
    institutionId,
    integrationId,
    type,
    subject: `runs/${runId}`,
    data: {
      integrationId,
      runId,
      parentId,
      entityType,
      kind,
      attempt,
      counts,
      membershipCounts,
      error,
      startedAt: startedAt.toISOString(),
      finishedAt: (finishedAt ?? new Date()).toISOString(),
    },
  });
}
