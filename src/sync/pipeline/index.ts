export { adoptMappings } from './adopt-mappings.js';
export { approvePlan, finishApplied, runPipeline } from './pipeline.js';
export { SourceFailure } from './read/read-pages.js';
export {
  MAX_REPORTED_MAPPINGS,
  MAX_SENTENCES,
  type ReportedMapping,
  report,
  type SyncReport,
} from './report/report.js';
export { rollBack } from './rollback.js';
export type { SyncContext } from './sync-context.js';
