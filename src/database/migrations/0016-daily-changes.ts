/**
 * Room in each page for the new versions of the rows that change from one sync to the next: they then need no
 * new entries in the indexes. And how many people each run renamed, for the guard.
 */
export const dailyChanges = {
  name: '0016-daily-changes',
  sql: `
-- Of pages that are written from now on: each keeps room for one row in ten.
ALTER TABLE integration_mappings SET (fillfactor = 90);
ALTER TABLE students SET (fillfactor = 90);
ALTER TABLE teachers SET (fillfactor = 90);

-- Null where the guard did not let the plan pass, or the run is older than this column.
ALTER TABLE sync_runs ADD COLUMN guard_renamed integer;
`,
};
