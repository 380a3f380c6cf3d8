/** Attendance as an outbox, sessions of whole courses, and the secret of systems that push to us. */
export const outbox = {
  name: '0002-outbox',
  sql: `
CREATE TABLE outbox_deliveries (
  integration_id uuid NOT NULL,
  session_id uuid NOT NULL,
  student_id uuid NOT NULL,
  version integer NOT NULL,
  external_id text NOT NULL,
  mark text NOT NULL CHECK (mark IN ('PRESENT', 'ABSENT', 'LATE', 'EXCUSED')),
  digest text NOT NULL,
  status text NOT NULL DEFAULT 'QUEUED' CHECK (status IN ('QUEUED', 'SENT', 'CONFIRMED', 'FAILED')),
  attempts integer NOT NULL DEFAULT 0,
  last_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (integration_id, session_id, student_id, version)
);

-- Who is sending a session just now. A process that dies leaves its row; the lease runs out.
CREATE TABLE outbox_sendings (
  integration_id uuid NOT NULL,
  session_id uuid NOT NULL,
  owner uuid NOT NULL,
  lease_until timestamptz NOT NULL,
  PRIMARY KEY (integration_id, session_id)
);

ALTER TABLE class_sessions ALTER COLUMN group_id DROP NOT NULL;
ALTER TABLE class_sessions ADD CHECK (group_id IS NOT NULL OR course_id IS NOT NULL);

ALTER TABLE integrations ADD COLUMN push_secret_digest text;
`,
};
