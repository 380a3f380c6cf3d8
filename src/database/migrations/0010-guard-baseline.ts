/**
 * How many people each run took away and brought back, so that the guard can add up the steps of several
 * runs.
 */
export const guardBaseline = {
  name: '0010-guard-baseline',
  sql: `
-- Null where the guard did not let the plan pass, or the run is older than these columns.
ALTER TABLE sync_runs ADD COLUMN guard_base integer;
ALTER TABLE sync_runs ADD COLUMN guard_left integer;
ALTER TABLE sync_runs ADD COLUMN guard_returned integer;
CREATE INDEX sync_runs_guard_steps ON sync_runs (integration_id, entity_type, started_at)
  WHERE guard_left > 0 OR guard_returned > 0;
CREATE INDEX sync_runs_approved ON sync_runs (integration_id, entity_type, approved_at) WHERE approved_at IS NOT NULL;
CREATE INDEX sync_runs_rollbacks ON sync_runs (integration_id, rolls_back) WHERE rolls_back IS NOT NULL;
`,
};
