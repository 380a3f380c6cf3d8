/**
 * Which entity somebody was merged into; changes that outlive their integration in the feed; and the history
 * of a mapping by index. A process of the version before goes on: it writes one row a position, and knows
 * nothing of merges.
 */
export const changeLog = {
  name: '0011-change-log',
  sql: `
${['students', 'teachers', 'courses', 'groups']
  .map(
    (table) => `
-- The entity that it is the same as: that one is used in its place, by all integrations.
ALTER TABLE ${table} ADD COLUMN merged_into uuid;
CREATE INDEX ${table}_merged ON ${table} (institution_id, merged_into) WHERE merged_into IS NOT NULL;`,
  )
  .join('')}

-- What no run made, and what runs of deleted integrations made.
ALTER TABLE roster_edits ADD COLUMN seq integer NOT NULL DEFAULT 1;
ALTER TABLE roster_edits ADD COLUMN run_id uuid;
ALTER TABLE roster_edits DROP CONSTRAINT roster_edits_pkey;
ALTER TABLE roster_edits ADD PRIMARY KEY (institution_id, position, seq);

-- New people of a first sync get ids in order: their entries are appended.
CREATE INDEX sync_changes_by_internal ON sync_changes (integration_id, internal_id) WHERE entity <> 'MEMBERSHIP';
CREATE INDEX sync_changes_by_former ON sync_changes (integration_id, entity, (before->>'externalId')) WHERE action = 'REKEY';
`,
};
