/**
 * An edit by a backend takes the digests from the mappings of whom it edits: the next sync must look at the
 * row again. The nil UUID marks such a digest until the next run begins, so that a run under way neither
 * takes the person for gone nor puts the digest back. Syncs do not set 'edited', so the trigger costs them
 * nothing.
 */
export const editedDigests = {
  name: '0013-edited-digests',
  sql: `
SET LOCAL lock_timeout = '10s';
-- Each is looked up by its key, whatever the transaction prefers: going through the mappings of all schools costs more.
CREATE FUNCTION forget_digest_of_edited() RETURNS trigger LANGUAGE plpgsql
  SET enable_nestloop = on SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  UPDATE integration_mappings m SET digest = '00000000-0000-0000-0000-000000000000' FROM integrations i
  WHERE i.institution_id = NEW.institution_id AND m.integration_id = i.id AND m.entity_type = TG_ARGV[0] AND m.internal_id = NEW.id;
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
CREATE TRIGGER forget_digest_of_edited AFTER UPDATE OF edited ON ${table}
  FOR EACH ROW EXECUTE FUNCTION forget_digest_of_edited('${entityType}');`,
  )
  .join('')}
`,
};
