/** When syncs start by themselves, and what started a run. */
export const schedules = {
  name: '0025-schedules',
  sql: `
ALTER TABLE sync_runs ADD COLUMN trigger text NOT NULL DEFAULT 'CALL'
  CHECK (trigger IN ('CALL', 'SCHEDULE', 'WEBHOOK'));

CREATE TABLE sync_schedules (
  integration_id uuid NOT NULL,
  entity_type text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('SYNC', 'PREVIEW')),
  institution_id uuid NOT NULL,
  cron text NOT NULL,
  time_zone text NOT NULL,
  jitter_seconds integer NOT NULL,
  blackouts jsonb NOT NULL,
  paused_until timestamptz,
  -- When it is due; null: never again.
  next_at timestamptz,
  last_run_id uuid,
  -- The last time that it was due and started nothing, and why.
  skipped_at timestamptz,
  skipped_because text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (integration_id, entity_type, kind)
);
CREATE INDEX sync_schedules_due ON sync_schedules (next_at) WHERE next_at IS NOT NULL;
`,
};
