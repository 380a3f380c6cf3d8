/**
 * A mapping whose entity is gone from the roster has no digest: the next sync must look at its row, and make
 * it anew.
 */
export const forgottenDigests = {
  name: '0006-forgotten-digests',
  sql: `
-- Each is looked up by its key, whatever the transaction prefers: going through the mappings of all schools costs more.
CREATE FUNCTION forget_digests() RETURNS trigger LANGUAGE plpgsql
  SET enable_nestloop = on SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    UPDATE integration_mappings SET digest = NULL WHERE entity_type = TG_ARGV[0];
  ELSE
    UPDATE integration_mappings m SET digest = NULL FROM gone JOIN integrations i ON i.institution_id = gone.institution_id
    WHERE m.integration_id = i.id AND m.entity_type = TG_ARGV[0] AND m.internal_id = gone.id;
  END IF;
  RETURN NULL;
END $$;
${[
  ['courses', 'COURSE'],
  ['groups', 'GROUP'],
  ['students', 'STUDENT'],
  ['teachers', 'TEACHER'],
]
  .map(
    ([table, entityType]) => `
CREATE TRIGGER forget_digests AFTER DELETE ON ${table} REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('${entityType}');
CREATE TRIGGER forget_all_digests AFTER TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('${entityType}');`,
  )
  .join('')}
`,
};
