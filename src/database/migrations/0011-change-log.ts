import type { Migration } from './migration.js';

const TABLES = ['students', 'teachers', 'courses', 'groups'];
const MERGED_INTO = (table: string) => `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS merged_into uuid`;
const MERGED = (table: string) => ({
  name: `${table}_merged`,
  on: `${table} (institution_id, merged_into) WHERE merged_into IS NOT NULL`,
});
const SEQ = 'ALTER TABLE roster_edits ADD COLUMN IF NOT EXISTS seq integer NOT NULL DEFAULT 1';
const EDITS_BY_SEQ = {
  name: 'roster_edits_by_seq',
  on: 'roster_edits (institution_id, position, seq)',
  unique: true,
};
// New people of a first sync get ids in order: their entries are appended.
const BY_INTERNAL = {
  name: 'sync_changes_by_internal',
  on: `sync_changes (integration_id, internal_id) WHERE entity <> 'MEMBERSHIP'`,
};
const BY_FORMER = {
  name: 'sync_changes_by_former',
  on: `sync_changes (integration_id, entity, (before->>'externalId')) WHERE action = 'REKEY'`,
};

/**
 * Which entity somebody was merged into; changes that outlive their integration in the feed; and the history
 * of a mapping by index. A process of the version before goes on: it writes one row a position, and knows
 * nothing of merges.
 */
export const changeLog: Migration = {
  name: '0011-change-log',
  ahead: {
    columns: [...TABLES.map(MERGED_INTO), SEQ],
    indexes: [...TABLES.map(MERGED), EDITS_BY_SEQ, BY_INTERNAL, BY_FORMER],
  },
  sql: `
-- What no run made, and what runs of deleted integrations made.
ALTER TABLE roster_edits ADD COLUMN run_id uuid;
ALTER TABLE roster_edits DROP CONSTRAINT roster_edits_pkey;
ALTER TABLE roster_edits ADD CONSTRAINT roster_edits_pkey PRIMARY KEY USING INDEX ${EDITS_BY_SEQ.name};
`,
};
