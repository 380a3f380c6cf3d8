import type { Migration } from './migration.js';

/**
 * Whom one integration missed was made inactive although another one has him or her: to that one nothing had changed,
 * and it did not look again. Their digests go, as those of who was edited do; the next sync of the other looks at
 * all rows, and brings back whom it has as active.
 */
export const hadByOthers: Migration = {
  name: '0034-had-by-others',
  sql: `
SET LOCAL lock_timeout = '10s';
WITH missed AS MATERIALIZED (
  SELECT DISTINCT i.institution_id, m.entity_type, m.internal_id
  FROM integration_mappings m JOIN integrations i ON i.id = m.integration_id WHERE m.missing_runs > 0
), inactive AS MATERIALIZED (
  ${['courses', 'groups', 'students', 'teachers']
    .map(
      (table) => `SELECT t.institution_id, '${table.slice(0, -1).toUpperCase()}' AS entity_type, t.id
  FROM ${table} t WHERE NOT t.active AND t.merged_into IS NULL`,
    )
    .join('\n  UNION ALL ')}
), lost AS MATERIALIZED (
  SELECT i.id AS integration_id, missed.entity_type, missed.internal_id
  FROM missed
  JOIN inactive ON inactive.institution_id = missed.institution_id AND inactive.entity_type = missed.entity_type
    AND inactive.id = missed.internal_id
  JOIN integrations i ON i.institution_id = missed.institution_id
)
, again AS (
  UPDATE integration_mappings m SET digest = '00000000-0000-0000-0000-000000000000' FROM lost
  WHERE m.integration_id = lost.integration_id AND m.entity_type = lost.entity_type AND m.internal_id = lost.internal_id
    AND m.missing_runs = 0 AND m.digest IS NOT NULL
  RETURNING m.integration_id, m.entity_type
)
-- Else only what changed since would be read.
UPDATE sync_runs r SET evidence = r.evidence - 'cursor' FROM (SELECT DISTINCT * FROM again) a
WHERE r.integration_id = a.integration_id AND r.entity_type = a.entity_type AND r.evidence ? 'cursor';
`,
};
