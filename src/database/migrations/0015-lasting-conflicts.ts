/**
 * Conflicts that only a plan has met which waits for a person: they go with that plan when it is discarded.
 */
export const lastingConflicts = {
  name: '0015-lasting-conflicts',
  sql: `
SET LOCAL lock_timeout = '10s';
-- Whether a run has met it that was applied. A process of the version before leaves the default: its conflicts stay.
ALTER TABLE sync_conflicts ADD COLUMN lasting boolean NOT NULL DEFAULT true;
`,
};
