/**
 * Runs are jobs: they wait in the queue before they run, can be canceled, and tell each change of theirs to
 * whoever listens.
 */
export const runJobs = {
  name: '0018-run-jobs',
  sql: `
SET LOCAL lock_timeout = '10s';
ALTER TABLE sync_runs DROP CONSTRAINT sync_runs_status_check;
ALTER TABLE sync_runs ADD CONSTRAINT sync_runs_status_check
  CHECK (status IN ('QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'HELD', 'PREVIEWED', 'DISCARDED', 'CANCELED'));
-- When it was put into the queue; null: it began at once.
ALTER TABLE sync_runs ADD COLUMN queued_at timestamptz;
-- How attempts ended that did not come to the end of the run: {attempt, at, reason} each.
ALTER TABLE sync_runs ADD COLUMN failures jsonb NOT NULL DEFAULT '[]';
-- How far its reading is; null before it.
ALTER TABLE sync_runs ADD COLUMN progress jsonb;
-- When somebody asked for it to stop.
ALTER TABLE sync_runs ADD COLUMN cancel_requested_at timestamptz;
-- The process that works or worked on it.
ALTER TABLE sync_runs ADD COLUMN worker text;
-- The host of the school's system, and how many runs may read it at once; null: as many as want to.
ALTER TABLE sync_runs ADD COLUMN host text;
ALTER TABLE sync_runs ADD COLUMN host_limit integer;

-- What waits is one plan to read the same thing: whoever asks again has asked for that one.
CREATE UNIQUE INDEX sync_runs_one_queued ON sync_runs (integration_id, entity_type) WHERE status = 'QUEUED';
-- How many runs of an institution wait, and how many are under way.
CREATE INDEX sync_runs_open ON sync_runs (institution_id, status) WHERE status IN ('QUEUED', 'RUNNING');

CREATE FUNCTION tell_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('sync_runs', NEW.id::text);
  IF NEW.parent_id IS NOT NULL THEN PERFORM pg_notify('sync_runs', NEW.parent_id::text); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER told_when_begun AFTER INSERT ON sync_runs
  FOR EACH ROW EXECUTE FUNCTION tell_of_run();
CREATE TRIGGER told_when_changed AFTER UPDATE ON sync_runs
  FOR EACH ROW WHEN ((OLD.status, OLD.stage, OLD.counts, OLD.progress, OLD.cancel_requested_at)
    IS DISTINCT FROM (NEW.status, NEW.stage, NEW.counts, NEW.progress, NEW.cancel_requested_at))
  EXECUTE FUNCTION tell_of_run();
`,
};
