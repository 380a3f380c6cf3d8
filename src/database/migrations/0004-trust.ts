/**
 * Held plans, previews and rollbacks; entities that a source no longer has; conflicts of identity; policies.
 */
export const trust = {
  name: '0004-trust',
  sql: `
-- 0: the source has it, and the mapping is ACTIVE. Else MISSING: in how many complete readings it was missing.
ALTER TABLE integration_mappings ADD COLUMN missing_runs integer NOT NULL DEFAULT 0 CHECK (missing_runs >= 0);
ALTER TABLE integration_mappings ADD COLUMN missing_since timestamptz;
ALTER TABLE integration_mappings DROP CONSTRAINT integration_mappings_status_check;
ALTER TABLE integration_mappings DROP COLUMN status;

ALTER TABLE integrations ADD COLUMN policy jsonb NOT NULL DEFAULT '{}';

ALTER TABLE sync_runs DROP CONSTRAINT sync_runs_status_check;
ALTER TABLE sync_runs ADD CONSTRAINT sync_runs_status_check
  CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED', 'HELD', 'PREVIEWED', 'DISCARDED'));
ALTER TABLE sync_runs DROP CONSTRAINT sync_runs_entity_type_check;
ALTER TABLE sync_runs ADD CONSTRAINT sync_runs_entity_type_check
  CHECK (entity_type IN ('COURSE', 'GROUP', 'STUDENT', 'TEACHER', 'ALL'));
ALTER TABLE sync_runs ADD COLUMN kind text NOT NULL DEFAULT 'SYNC' CHECK (kind IN ('SYNC', 'PREVIEW', 'ROLLBACK', 'MANUAL'));
-- The run of all entity types that this one is part of.
ALTER TABLE sync_runs ADD COLUMN parent_id uuid;
-- The run that this one takes back.
ALTER TABLE sync_runs ADD COLUMN rolls_back uuid;
-- What is known about the reading: pages, rows, declared total, and why it proves nothing where it does not.
ALTER TABLE sync_runs ADD COLUMN evidence jsonb NOT NULL DEFAULT '{}';
-- Thresholds for this run alone, with the reason.
ALTER TABLE sync_runs ADD COLUMN guard jsonb;
-- Set when a person let the plan go on: it is applied as it stands, and never made anew.
ALTER TABLE sync_runs ADD COLUMN approved_at timestamptz;
-- What a person said when approving or discarding.
ALTER TABLE sync_runs ADD COLUMN decision text;

ALTER TABLE sync_changes DROP CONSTRAINT sync_changes_action_check;
ALTER TABLE sync_changes ADD CONSTRAINT sync_changes_action_check
  CHECK (action IN ('CREATE', 'UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING', 'LINK', 'UNLINK', 'DELETE', 'REKEY'));
ALTER TABLE sync_changes ALTER COLUMN after DROP NOT NULL;
ALTER TABLE sync_changes ADD COLUMN digest uuid;
-- Where the source has it.
ALTER TABLE sync_changes ADD COLUMN line integer;
-- Of the mapping; null: left alone.
ALTER TABLE sync_changes ADD COLUMN missing_before integer;
ALTER TABLE sync_changes ADD COLUMN missing_after integer;
-- Null: as the run. MOVED: what it is about changed after the plan was made. REFUSED: a rollback would undo somebody's work.
ALTER TABLE sync_changes ADD COLUMN outcome text CHECK (outcome IN ('MOVED', 'REFUSED'));
ALTER TABLE sync_changes ADD COLUMN reason text;
CREATE INDEX sync_changes_by_external ON sync_changes (integration_id, entity, external_id)
  WHERE action IN ('LINK', 'UNLINK', 'DELETE', 'REKEY');

-- Whom in the roster a new row stands for.
ALTER TABLE sync_staged ADD COLUMN link_id uuid;

-- People of the source of whom nobody can tell without a person who they are.
CREATE TABLE sync_conflicts (
  integration_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  entity_type text NOT NULL CHECK (entity_type IN ('STUDENT', 'TEACHER')),
  external_id text COLLATE "C" NOT NULL,
  run_id uuid NOT NULL,
  -- What the source says of the person.
  record jsonb NOT NULL,
  -- Who it may be: [{internalId, confidence, rule}], best first.
  candidates jsonb NOT NULL,
  reason text NOT NULL,
  resolution text CHECK (resolution IN ('LINK', 'CREATE', 'IGNORE')),
  internal_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz,
  PRIMARY KEY (integration_id, entity_type, external_id)
);
CREATE UNIQUE INDEX sync_conflicts_by_id ON sync_conflicts (integration_id, id);
`,
};
