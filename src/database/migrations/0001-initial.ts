/**
 * The first schema. Tables that grow with a school begin their keys with the tenant (institution_id or
 * integration_id), so that they can be sharded by it. Hot tables have no foreign keys: a sync locks its
 * integration's row instead, which costs one lock a run rather than one check a row.
 */
export const initial = {
  name: '0001-initial',
  sql: `
CREATE TABLE integrations (
  id uuid PRIMARY KEY,
  institution_id uuid NOT NULL,
  provider text NOT NULL,
  config jsonb NOT NULL DEFAULT '{}',
  credentials text NOT NULL,
  credential_fields text[] NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'INACTIVE', 'ERROR')),
  last_sync_at timestamptz,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX integrations_by_institution ON integrations (institution_id, created_at, id);

CREATE TABLE integration_mappings (
  integration_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  entity_type text NOT NULL CHECK (entity_type IN ('COURSE', 'GROUP', 'STUDENT', 'TEACHER')),
  internal_id uuid NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE')),
  digest uuid,
  last_run_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT integration_mappings_by_external UNIQUE (integration_id, entity_type, external_id),
  CONSTRAINT integration_mappings_by_internal UNIQUE (integration_id, entity_type, internal_id)
);

CREATE TABLE students (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  national_id text,
  given_name text NOT NULL DEFAULT '',
  family_name text NOT NULL DEFAULT '',
  email text,
  code text,
  enrolled_on date,
  birth_date date,
  active boolean NOT NULL DEFAULT true,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (institution_id, id)
);

CREATE TABLE teachers (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  national_id text,
  given_name text NOT NULL DEFAULT '',
  family_name text NOT NULL DEFAULT '',
  email text,
  code text,
  active boolean NOT NULL DEFAULT true,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (institution_id, id)
);

CREATE TABLE courses (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  code text,
  grade text,
  academic_term text,
  description text,
  active boolean NOT NULL DEFAULT true,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (institution_id, id)
);

CREATE TABLE groups (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  course_id uuid,
  code text,
  academic_term text,
  active boolean NOT NULL DEFAULT true,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (institution_id, id)
);

CREATE TABLE memberships (
  institution_id uuid NOT NULL,
  group_id uuid NOT NULL,
  person_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('STUDENT', 'TEACHER')),
  integration_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (institution_id, group_id, person_id, role)
);
CREATE INDEX memberships_by_person ON memberships (institution_id, person_id);

CREATE TABLE class_sessions (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  group_id uuid NOT NULL,
  course_id uuid,
  teacher_id uuid,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  topic text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (institution_id, id),
  CHECK (ends_at > starts_at)
);

CREATE TABLE attendance_records (
  institution_id uuid NOT NULL,
  session_id uuid NOT NULL,
  student_id uuid NOT NULL,
  status text NOT NULL CHECK (status IN ('PRESENT', 'ABSENT', 'LATE', 'EXCUSED')),
  arrival_time timestamptz,
  permanence_percentage double precision CHECK (permanence_percentage BETWEEN 0 AND 100),
  origin text CHECK (origin IN ('AI', 'MANUAL', 'MIXED')),
  source text CHECK (source IN ('NFC', 'CAMERA_YOLO', 'MANUAL')),
  remarks text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (institution_id, session_id, student_id)
);

CREATE TABLE sync_runs (
  integration_id uuid NOT NULL,
  id uuid NOT NULL,
  institution_id uuid NOT NULL,
  entity_type text NOT NULL CHECK (entity_type IN ('COURSE', 'GROUP', 'STUDENT', 'TEACHER')),
  status text NOT NULL DEFAULT 'RUNNING' CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED')),
  stage text NOT NULL DEFAULT 'READ' CHECK (stage IN ('READ', 'PLAN', 'APPLY', 'REPORT')),
  counts jsonb NOT NULL DEFAULT '{}',
  membership_counts jsonb NOT NULL DEFAULT '{}',
  timings jsonb NOT NULL DEFAULT '{}',
  error text,
  attempt integer NOT NULL DEFAULT 1,
  owner uuid NOT NULL,
  lease_until timestamptz NOT NULL,
  applied_position bigint,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  PRIMARY KEY (integration_id, id)
);
CREATE UNIQUE INDEX sync_runs_one_running ON sync_runs (integration_id, entity_type) WHERE status = 'RUNNING';
CREATE INDEX sync_runs_by_start ON sync_runs (integration_id, started_at DESC, id DESC);
CREATE INDEX sync_runs_by_position ON sync_runs (institution_id, applied_position) WHERE applied_position IS NOT NULL;
-- Drawn inside the apply transaction, which holds the institution's lock: positions of one institution commit in order.
CREATE SEQUENCE sync_runs_position;

-- Rows on their way through a run. Unlogged: a run whose database crashed is read again from its source.
CREATE UNLOGGED TABLE sync_staged (
  integration_id uuid NOT NULL,
  run_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('ENTITY', 'MEMBERSHIP')),
  seq integer NOT NULL,
  file text,
  line integer,
  external_id text COLLATE "C" NOT NULL,
  digest uuid,
  dropped text[],
  active boolean,
  metadata jsonb,
  national_id text,
  given_name text,
  family_name text,
  email text,
  code text,
  name text,
  grade text,
  academic_term text,
  description text,
  enrolled_on date,
  birth_date date,
  course_external_id text COLLATE "C",
  person_external_id text COLLATE "C",
  role text
);
CREATE INDEX sync_staged_by_run ON sync_staged (integration_id, run_id);

CREATE TABLE sync_changes (
  integration_id uuid NOT NULL,
  run_id uuid NOT NULL,
  seq integer NOT NULL,
  entity text NOT NULL CHECK (entity IN ('COURSE', 'GROUP', 'STUDENT', 'TEACHER', 'MEMBERSHIP')),
  action text NOT NULL CHECK (action IN ('CREATE', 'UPDATE')),
  internal_id uuid NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  before jsonb,
  after jsonb NOT NULL,
  PRIMARY KEY (integration_id, run_id, seq)
);

CREATE TABLE sync_issues (
  integration_id uuid NOT NULL,
  run_id uuid NOT NULL,
  number integer NOT NULL,
  severity text NOT NULL CHECK (severity IN ('ERROR', 'WARNING')),
  rule text NOT NULL,
  message text NOT NULL,
  file text,
  line integer,
  "column" text,
  value text,
  hint text,
  external_id text,
  PRIMARY KEY (integration_id, run_id, number)
);
`,
};
