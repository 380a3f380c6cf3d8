export { contradictionOfLink, identifying } from './contradiction.js';
export { correlate } from './correlate.js';
export type { PlannedConflict } from './keep-out.js';
export { linkUnmapped } from './link-unmapped.js';
export { markMatchedCreates } from './matches.js';
export { findRenumbered, type Renumbered } from './renumbered.js';
export { settleConflicts } from './settle-conflicts.js';
