import type { Migration } from './migration.js';

/** Attendance that leaves by itself when a session is closed, and what is left of runs that were forgotten. */
export const byItself: Migration = {
  name: '0026-by-itself',
  ahead: {
    columns: [],
    indexes: [{ name: 'outbox_deliveries_by_age', on: 'outbox_deliveries (integration_id, created_at)' }],
  },
  sql: `
SET LOCAL lock_timeout = '10s';
ALTER TABLE class_sessions ADD COLUMN closed_at timestamptz;

-- That the attendance of a session is to be sent to an integration.
CREATE TABLE send_orders (
  integration_id uuid NOT NULL,
  session_id uuid NOT NULL,
  institution_id uuid NOT NULL,
  -- One more each time that it is ordered while it waits or is under way.
  version integer NOT NULL DEFAULT 1,
  -- Attempts that failed.
  attempts integer NOT NULL DEFAULT 0,
  last_reason text,
  ordered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (integration_id, session_id)
);

-- When its changes, its issues, were deleted for their age.
ALTER TABLE sync_runs ADD COLUMN changes_dropped_at timestamptz;
ALTER TABLE sync_runs ADD COLUMN issues_dropped_at timestamptz;

-- Of changes that were deleted for their age: whom external ids stood for.
CREATE TABLE mapping_archive (
  integration_id uuid NOT NULL,
  position bigint NOT NULL,
  seq integer NOT NULL,
  run_id uuid NOT NULL,
  run_kind text NOT NULL,
  at timestamptz NOT NULL,
  entity_type text NOT NULL,
  action text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  internal_id uuid NOT NULL,
  former_external_id text COLLATE "C",
  reason text,
  PRIMARY KEY (integration_id, position, seq)
);
CREATE INDEX mapping_archive_by_internal ON mapping_archive (integration_id, internal_id);
CREATE INDEX mapping_archive_by_external ON mapping_archive (integration_id, entity_type, external_id);
CREATE INDEX mapping_archive_by_former ON mapping_archive (integration_id, entity_type, former_external_id)
  WHERE former_external_id IS NOT NULL;

-- Where the feed of an institution begins: what was at or before this position may be gone.
CREATE TABLE feed_starts (
  institution_id uuid NOT NULL,
  position bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (institution_id)
);
`,
};
