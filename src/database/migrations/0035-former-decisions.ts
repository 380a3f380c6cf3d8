import type { Migration } from './migration.js';

/**
 * What a person decided about a row that is asked about anew because it says something else: it holds again as soon as
 * the row says what it said. A process of the version before neither writes nor clears it: while both are at work, a decision
 * may be forgotten as before.
 */
export const formerDecisions: Migration = {
  name: '0035-former-decisions',
  sql: `
SET LOCAL lock_timeout = '10s';
ALTER TABLE sync_conflicts ADD COLUMN former jsonb;
-- Of what is to be ignored of somebody's id: whether the source says something else now.
ALTER TABLE sync_conflicts ADD COLUMN idle boolean NOT NULL DEFAULT false;
`,
};
