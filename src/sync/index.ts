export type { ConflictResolution, SyncConflict } from './conflicts/conflict.js';
export type { BulkDecided, BulkDecision, BulkOutcome } from './conflicts/resolve-in-bulk.js';
export type { IssueExport } from './issues/index.js';
export type { Renumbered, ReportedMapping, SyncReport } from './pipeline/index.js';
export { comparisonOf } from './pipeline/index.js';
export { type FieldPolicy, type GuardOverride, type SyncPolicy, syncPolicy } from './policy.js';
export type { ListChangesRequest, SyncChange, SyncChangeAction } from './runs/change-store.js';
export type { ReadEntities, SyncWork } from './runs/dispatch.js';
export type { Evidence } from './runs/evidence.js';
export { readRunBacklog } from './runs/run-backlog.js';
export { RunJobs } from './runs/run-jobs.js';
export type { RunFilter } from './runs/run-list.js';
export { MOST_SINGLE } from './runs/run-queue.js';
export type { HeldRun } from './runs/run-request.js';
export { canRollBack } from './runs/run-rows.js';
export { RunStopped } from './runs/run-stop.js';
export type { RunState } from './runs/run-watch.js';
export type {
  RunTrigger,
  SyncCounts,
  SyncFailure,
  SyncIssue,
  SyncProgress,
  SyncRun,
  SyncRunKind,
  SyncRunStatus,
  SyncScope,
  SyncStage,
  SyncTimings,
} from './runs/sync-run.js';
export { SyncService } from './sync-service.js';
