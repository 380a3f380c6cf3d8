import type { Migration } from './migration.js';

/**
 * What a person decided about a row that is asked about anew because it says something else: it holds again as soon as
 * the row says what it said. A process of the version before leaves it null: such decisions are forgotten, as before.
 */
export const formerDecisions: Migration = {
  name: '0035-former-decisions',
  sql: `
SET LOCAL lock_timeout = '10s';
ALTER TABLE sync_conflicts ADD COLUMN former jsonb;
`,
};
