export type { ListChangesRequest, SyncChange, SyncChangeAction } from './change-store.js';
export type { ConflictResolution, SyncConflict } from './conflict-store.js';
export type { ReadEntities, SyncWork } from './dispatch.js';
export type { Evidence } from './evidence.js';
export type { IssueExport } from './issue-export/index.js';
export { type FieldPolicy, type GuardOverride, type SyncPolicy, syncPolicy } from './policy.js';
export type { ReportedMapping, SyncReport } from './report.js';
export type {
  SyncCounts,
  SyncIssue,
  SyncRun,
  SyncRunKind,
  SyncRunStatus,
  SyncScope,
  SyncStage,
  SyncTimings,
} from './sync-run.js';
export { SyncService } from './sync-service.js';
