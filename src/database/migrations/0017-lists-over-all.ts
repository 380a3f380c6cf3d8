/**
 * Lists of integrations and runs over all institutions, for operators. The later columns of an index are those
 * of the other filters: what does not fit is passed over in the index. A run keeps the provider of its
 * integration, which never changes; a trigger writes it, whatever version of the program inserts the run.
 */
export const listsOverAll = {
  name: '0017-lists-over-all',
  sql: `
SET LOCAL lock_timeout = '10s';
CREATE INDEX integrations_by_creation ON integrations (created_at, id);

ALTER TABLE sync_runs ADD COLUMN provider text;
CREATE FUNCTION set_provider_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.provider := (SELECT provider FROM integrations WHERE id = NEW.integration_id);
  RETURN NEW;
END $$;
CREATE TRIGGER set_provider_of_run BEFORE INSERT ON sync_runs
  FOR EACH ROW EXECUTE FUNCTION set_provider_of_run();
UPDATE sync_runs r SET provider = i.provider FROM integrations i WHERE i.id = r.integration_id;

DROP INDEX sync_runs_by_start;
CREATE INDEX sync_runs_by_start ON sync_runs (integration_id, started_at DESC, id DESC, status, entity_type);
CREATE INDEX sync_runs_over_all ON sync_runs (started_at DESC, id DESC, status, provider, entity_type);
CREATE INDEX sync_runs_by_status ON sync_runs (status, started_at DESC, id DESC, provider, entity_type);
CREATE INDEX sync_runs_by_provider ON sync_runs (provider, started_at DESC, id DESC, status, entity_type);
CREATE INDEX sync_runs_by_provider_and_status
  ON sync_runs (provider, status, started_at DESC, id DESC, entity_type);
CREATE INDEX sync_runs_by_institution
  ON sync_runs (institution_id, started_at DESC, id DESC, status, provider, entity_type);
`,
};
