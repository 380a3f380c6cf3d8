export type { ReportedMapping, SyncReport } from './corridor.js';
export type { SyncCounts, SyncIssue, SyncRun, SyncRunStatus, SyncStage, SyncTimings } from './sync-run.js';
export { type Corridor, SyncService, type SyncWork } from './sync-service.js';
