export { adoptMappings } from './adopt-mappings.js';
export { rekeyMappings } from './apply/rekey-mappings.js';
export { contradictionOfLink, findRenumbered, type Renumbered } from './match/index.js';
export { approvePlan, finishApplied, runPipeline } from './pipeline.js';
export { findRenumberedIn, planRekeys } from './plan/index.js';
export { SourceFailure } from './read/read-pages.js';
export {
  MAX_REPORTED_MAPPINGS,
  MAX_SENTENCES,
  type ReportedMapping,
  report,
  type SyncReport,
} from './report/report.js';
export { rollBack } from './rollback.js';
export { preferHashJoins } from './sql/joins.js';
export { comparisonOf } from './stage/index.js';
export type { SyncContext } from './sync-context.js';
