-- The schema that the migrations make. Written by `npm run schema`; a test compares it with the database.

CREATE SEQUENCE events_position AS bigint;

CREATE SEQUENCE sync_runs_position AS bigint;

CREATE OR REPLACE FUNCTION audit_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'audit_events is append-only';
END
$function$;

CREATE OR REPLACE FUNCTION audit_chain()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
  head audit_heads;
BEGIN
  INSERT INTO audit_heads (institution_id, position, hash) VALUES (NEW.institution_id, 0, '')
    ON CONFLICT DO NOTHING;
  SELECT * INTO head FROM audit_heads WHERE institution_id = NEW.institution_id FOR UPDATE;
  NEW.position := head.position + 1;
  NEW.at := clock_timestamp();
  NEW.hash := audit_hash(head.hash, NEW);
  UPDATE audit_heads SET position = NEW.position, hash = NEW.hash WHERE institution_id = NEW.institution_id;
  RETURN NEW;
END
$function$;

CREATE OR REPLACE FUNCTION audit_hash(previous bytea, e audit_events)
 RETURNS bytea
 LANGUAGE sql
 STABLE
AS $function$
  SELECT sha256(previous || convert_to(jsonb_build_array(
    e.institution_id, e.position, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
    e.actor, e.address, e.request_id, e.method, e.action, e.object_type, e.object_id,
    e.integration_id, e.run_id, e.change_position, e.before, e.after, e.outcome, e.detail)::text, 'UTF8'))
$function$;

CREATE OR REPLACE FUNCTION forget_digest_of_edited()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'on'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
BEGIN
  UPDATE integration_mappings m SET digest = '00000000-0000-0000-0000-000000000000' FROM integrations i
  WHERE i.institution_id = NEW.institution_id AND m.integration_id = i.id AND m.entity_type = TG_ARGV[0] AND m.internal_id = NEW.id;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION forget_digests()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'on'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    UPDATE integration_mappings SET digest = NULL WHERE entity_type = TG_ARGV[0];
  ELSE
    UPDATE integration_mappings m SET digest = NULL FROM gone JOIN integrations i ON i.institution_id = gone.institution_id
    WHERE m.integration_id = i.id AND m.entity_type = TG_ARGV[0] AND m.internal_id = gone.id;
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE PROCEDURE hold_lease(IN integration uuid, IN name text, IN holder uuid)
 LANGUAGE plpgsql
AS $procedure$
BEGIN
  PERFORM 1 FROM leases WHERE integration_id = integration AND resource = name AND owner = holder FOR SHARE;
  IF NOT FOUND THEN RAISE EXCEPTION 'the lease was taken by another' USING ERRCODE = 'SL001'; END IF;
END $procedure$;

CREATE OR REPLACE FUNCTION set_provider_of_run()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  NEW.provider := (SELECT provider FROM integrations WHERE id = NEW.integration_id);
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION tell_of_run()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_notify('sync_runs', NEW.id::text);
  IF NEW.parent_id IS NOT NULL THEN PERFORM pg_notify('sync_runs', NEW.parent_id::text); END IF;
  RETURN NULL;
END $function$;

CREATE TABLE attendance_records (
  institution_id uuid NOT NULL,
  session_id uuid NOT NULL,
  student_id uuid NOT NULL,
  status text NOT NULL,
  arrival_time timestamp with time zone,
  permanence_percentage double precision,
  origin text,
  source text,
  remarks text,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT attendance_records_origin_check CHECK ((origin = ANY (ARRAY['AI'::text, 'MANUAL'::text, 'MIXED'::text]))),
  CONSTRAINT attendance_records_permanence_percentage_check CHECK (((permanence_percentage >= (0)::double precision) AND (permanence_percentage <= (100)::double precision))),
  CONSTRAINT attendance_records_pkey PRIMARY KEY (institution_id, session_id, student_id),
  CONSTRAINT attendance_records_source_check CHECK ((source = ANY (ARRAY['NFC'::text, 'CAMERA_YOLO'::text, 'MANUAL'::text]))),
  CONSTRAINT attendance_records_status_check CHECK ((status = ANY (ARRAY['PRESENT'::text, 'ABSENT'::text, 'LATE'::text, 'EXCUSED'::text])))
);

CREATE TABLE audit_events (
  institution_id uuid NOT NULL,
  "position" bigint NOT NULL,
  at timestamp with time zone NOT NULL,
  actor text NOT NULL,
  address text,
  request_id text,
  method text,
  action text NOT NULL,
  object_type text NOT NULL,
  object_id text NOT NULL,
  integration_id uuid,
  run_id uuid,
  change_position bigint,
  before jsonb,
  after jsonb,
  outcome text NOT NULL,
  detail text,
  hash bytea NOT NULL,
  CONSTRAINT audit_events_pkey PRIMARY KEY (institution_id, "position")
);
CREATE INDEX audit_events_change ON audit_events USING btree (institution_id, change_position) WHERE (change_position IS NOT NULL);
CREATE INDEX audit_events_object ON audit_events USING btree (institution_id, object_id, "position");
CREATE INDEX audit_events_run ON audit_events USING btree (institution_id, run_id, "position") WHERE (run_id IS NOT NULL);
CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_chain BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_chain();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();

CREATE TABLE audit_heads (
  institution_id uuid NOT NULL,
  "position" bigint NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT audit_heads_pkey PRIMARY KEY (institution_id)
);

CREATE TABLE class_sessions (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  group_id uuid,
  course_id uuid,
  teacher_id uuid,
  starts_at timestamp with time zone NOT NULL,
  ends_at timestamp with time zone NOT NULL,
  topic text,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  closed_at timestamp with time zone,
  CONSTRAINT class_sessions_check CHECK ((ends_at > starts_at)),
  CONSTRAINT class_sessions_check1 CHECK (((group_id IS NOT NULL) OR (course_id IS NOT NULL))),
  CONSTRAINT class_sessions_pkey PRIMARY KEY (institution_id, id)
);

CREATE TABLE connector_memory (
  integration_id uuid NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  value jsonb NOT NULL,
  expires_at timestamp with time zone DEFAULT (now() + '400 days'::interval) NOT NULL,
  CONSTRAINT connector_memory_pkey PRIMARY KEY (integration_id, topic, key)
);
CREATE INDEX connector_memory_expiry ON connector_memory USING btree (integration_id, expires_at);

CREATE TABLE courses (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  code text,
  grade text,
  academic_term text,
  description text,
  active boolean DEFAULT true NOT NULL,
  metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  edited text[] DEFAULT '{}'::text[] NOT NULL,
  merged_into uuid,
  CONSTRAINT courses_pkey PRIMARY KEY (institution_id, id)
);
CREATE INDEX courses_merged ON courses USING btree (institution_id, merged_into) WHERE (merged_into IS NOT NULL);
CREATE TRIGGER forget_all_digests AFTER TRUNCATE ON courses FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('COURSE');
CREATE TRIGGER forget_digest_of_edited AFTER UPDATE OF edited ON courses FOR EACH ROW EXECUTE FUNCTION forget_digest_of_edited('COURSE');
CREATE TRIGGER forget_digests AFTER DELETE ON courses REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('COURSE');

CREATE TABLE event_deliveries (
  institution_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  stream_id uuid NOT NULL,
  "position" bigint NOT NULL,
  event_id uuid NOT NULL,
  status text DEFAULT 'WAITING'::text NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  http_status integer,
  last_reason text,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT event_deliveries_pkey PRIMARY KEY (institution_id, subscription_id, stream_id, "position")
);
CREATE INDEX event_deliveries_by_event ON event_deliveries USING btree (institution_id, event_id);
CREATE INDEX event_deliveries_by_position ON event_deliveries USING btree (institution_id, "position", subscription_id);
CREATE INDEX event_deliveries_waiting ON event_deliveries USING btree (institution_id, subscription_id, stream_id, "position") WHERE (status = 'WAITING'::text);

CREATE TABLE event_lanes (
  institution_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  stream_id uuid NOT NULL,
  due_at timestamp with time zone,
  claim uuid,
  claimed_until timestamp with time zone,
  CONSTRAINT event_lanes_pkey PRIMARY KEY (institution_id, subscription_id, stream_id)
);
CREATE INDEX event_lanes_claimed ON event_lanes USING btree (institution_id, subscription_id) WHERE (claim IS NOT NULL);
CREATE INDEX event_lanes_due ON event_lanes USING btree (institution_id, due_at) WHERE (due_at IS NOT NULL);

CREATE TABLE event_subscriptions (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  url text NOT NULL,
  types text[] NOT NULL,
  description text NOT NULL,
  secrets text NOT NULL,
  old_secret_until timestamp with time zone,
  disabled_at timestamp with time zone,
  disabled_reason text,
  failures integer DEFAULT 0 NOT NULL,
  failing_since timestamp with time zone,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  not_before timestamp with time zone,
  CONSTRAINT event_subscriptions_pkey PRIMARY KEY (institution_id, id)
);

CREATE TABLE events (
  institution_id uuid NOT NULL,
  stream_id uuid NOT NULL,
  "position" bigint NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL,
  subject text,
  data jsonb NOT NULL,
  occurred_at timestamp with time zone NOT NULL,
  published boolean DEFAULT false NOT NULL,
  CONSTRAINT events_pkey PRIMARY KEY (institution_id, stream_id, "position")
);
CREATE UNIQUE INDEX events_by_id ON events USING btree (institution_id, id);
CREATE INDEX events_by_time ON events USING btree (institution_id, occurred_at, id);
CREATE INDEX events_to_publish ON events USING btree ("position") WHERE (NOT published);

CREATE TABLE feed_starts (
  institution_id uuid NOT NULL,
  "position" bigint NOT NULL,
  changed_at timestamp with time zone NOT NULL,
  CONSTRAINT feed_starts_pkey PRIMARY KEY (institution_id)
);

CREATE TABLE groups (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  course_id uuid,
  code text,
  academic_term text,
  active boolean DEFAULT true NOT NULL,
  metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  edited text[] DEFAULT '{}'::text[] NOT NULL,
  merged_into uuid,
  CONSTRAINT groups_pkey PRIMARY KEY (institution_id, id)
);
CREATE INDEX groups_merged ON groups USING btree (institution_id, merged_into) WHERE (merged_into IS NOT NULL);
CREATE TRIGGER forget_all_digests AFTER TRUNCATE ON groups FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('GROUP');
CREATE TRIGGER forget_digest_of_edited AFTER UPDATE OF edited ON groups FOR EACH ROW EXECUTE FUNCTION forget_digest_of_edited('GROUP');
CREATE TRIGGER forget_digests AFTER DELETE ON groups REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('GROUP');

CREATE TABLE idempotency_keys (
  digest bytea NOT NULL,
  id uuid NOT NULL,
  actor text NOT NULL,
  method text NOT NULL,
  sealed text NOT NULL,
  running_until timestamp with time zone,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (digest)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys USING btree (created_at);

CREATE TABLE integration_mappings (
  integration_id uuid NOT NULL,
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  entity_type text NOT NULL,
  internal_id uuid NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
  digest uuid,
  last_run_id uuid,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  missing_runs integer DEFAULT 0 NOT NULL,
  missing_since timestamp with time zone,
  CONSTRAINT integration_mappings_by_external UNIQUE (integration_id, entity_type, external_id),
  CONSTRAINT integration_mappings_by_internal UNIQUE (integration_id, entity_type, internal_id),
  CONSTRAINT integration_mappings_entity_type_check CHECK ((entity_type = ANY (ARRAY['COURSE'::text, 'GROUP'::text, 'STUDENT'::text, 'TEACHER'::text]))),
  CONSTRAINT integration_mappings_missing_runs_check CHECK ((missing_runs >= 0))
) WITH (fillfactor=90);

CREATE TABLE integrations (
  id uuid NOT NULL,
  institution_id uuid NOT NULL,
  provider text NOT NULL,
  config jsonb DEFAULT '{}'::jsonb NOT NULL,
  credentials text NOT NULL,
  credential_fields text[] DEFAULT '{}'::text[] NOT NULL,
  status text DEFAULT 'ACTIVE'::text NOT NULL,
  last_sync_at timestamp with time zone,
  last_error text,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  push_secret_digest text,
  policy jsonb DEFAULT '{}'::jsonb NOT NULL,
  CONSTRAINT integrations_pkey PRIMARY KEY (id),
  CONSTRAINT integrations_status_check CHECK ((status = ANY (ARRAY['ACTIVE'::text, 'INACTIVE'::text, 'ERROR'::text])))
);
CREATE INDEX integrations_by_creation ON integrations USING btree (created_at, id);
CREATE INDEX integrations_by_institution ON integrations USING btree (institution_id, created_at, id);

CREATE TABLE leases (
  integration_id uuid NOT NULL,
  resource text NOT NULL,
  owner uuid NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT leases_pkey PRIMARY KEY (integration_id, resource)
);

CREATE TABLE mapping_archive (
  integration_id uuid NOT NULL,
  "position" bigint NOT NULL,
  seq integer NOT NULL,
  run_id uuid NOT NULL,
  run_kind text NOT NULL,
  at timestamp with time zone NOT NULL,
  entity_type text NOT NULL,
  action text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  internal_id uuid NOT NULL,
  former_external_id text COLLATE "C",
  reason text,
  CONSTRAINT mapping_archive_pkey PRIMARY KEY (integration_id, "position", seq)
);
CREATE INDEX mapping_archive_by_external ON mapping_archive USING btree (integration_id, entity_type, external_id);
CREATE INDEX mapping_archive_by_former ON mapping_archive USING btree (integration_id, entity_type, former_external_id) WHERE (former_external_id IS NOT NULL);
CREATE INDEX mapping_archive_by_internal ON mapping_archive USING btree (integration_id, internal_id);

CREATE TABLE memberships (
  institution_id uuid NOT NULL,
  group_id uuid NOT NULL,
  person_id uuid NOT NULL,
  role text NOT NULL,
  integration_id uuid,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT memberships_pkey PRIMARY KEY (institution_id, group_id, person_id, role),
  CONSTRAINT memberships_role_check CHECK ((role = ANY (ARRAY['STUDENT'::text, 'TEACHER'::text])))
);
CREATE INDEX memberships_by_person ON memberships USING btree (institution_id, person_id);

CREATE TABLE outbox_deliveries (
  integration_id uuid NOT NULL,
  session_id uuid NOT NULL,
  student_id uuid NOT NULL,
  version integer NOT NULL,
  external_id text NOT NULL,
  mark text NOT NULL,
  digest text NOT NULL,
  status text DEFAULT 'QUEUED'::text NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  last_reason text,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  attempt uuid,
  announced boolean DEFAULT false NOT NULL,
  CONSTRAINT outbox_deliveries_mark_check CHECK ((mark = ANY (ARRAY['PRESENT'::text, 'ABSENT'::text, 'LATE'::text, 'EXCUSED'::text]))),
  CONSTRAINT outbox_deliveries_pkey PRIMARY KEY (integration_id, session_id, student_id, version),
  CONSTRAINT outbox_deliveries_status_check CHECK ((status = ANY (ARRAY['QUEUED'::text, 'WITHHELD'::text, 'SENT'::text, 'CONFIRMED'::text, 'FAILED'::text, 'WITHDRAWN'::text]))) NOT VALID
);
CREATE INDEX outbox_deliveries_by_age ON outbox_deliveries USING btree (integration_id, created_at);
CREATE INDEX outbox_deliveries_withheld ON outbox_deliveries USING btree (integration_id, student_id, session_id) WHERE (status = 'WITHHELD'::text);

CREATE TABLE outbox_sendings (
  integration_id uuid NOT NULL,
  session_id uuid NOT NULL,
  owner uuid NOT NULL,
  lease_until timestamp with time zone NOT NULL,
  CONSTRAINT outbox_sendings_pkey PRIMARY KEY (integration_id, session_id)
);

CREATE TABLE received_webhooks (
  integration_id uuid NOT NULL,
  webhook_id text COLLATE "C" NOT NULL,
  institution_id uuid NOT NULL,
  kind text NOT NULL,
  body bytea NOT NULL,
  changes jsonb DEFAULT '[]'::jsonb NOT NULL,
  status text NOT NULL,
  reason text,
  run_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  sent_at timestamp with time zone,
  received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT received_webhooks_kind_check CHECK ((kind = ANY (ARRAY['WEBHOOK'::text, 'PUSH'::text]))),
  CONSTRAINT received_webhooks_pkey PRIMARY KEY (integration_id, webhook_id),
  CONSTRAINT received_webhooks_status_check CHECK ((status = ANY (ARRAY['WAITING'::text, 'STARTED'::text, 'DONE'::text, 'FAILED'::text, 'IGNORED'::text, 'REFUSED'::text])))
);
CREATE INDEX received_webhooks_by_time ON received_webhooks USING btree (integration_id, received_at, webhook_id);
CREATE INDEX received_webhooks_open ON received_webhooks USING btree (integration_id, received_at) WHERE (status = ANY (ARRAY['WAITING'::text, 'STARTED'::text]));

CREATE TABLE roster_edits (
  institution_id uuid NOT NULL,
  "position" bigint NOT NULL,
  entity text NOT NULL,
  action text NOT NULL,
  entity_id uuid NOT NULL,
  before jsonb,
  after jsonb,
  changed_at timestamp with time zone DEFAULT now() NOT NULL,
  seq integer DEFAULT 1 NOT NULL,
  run_id uuid,
  CONSTRAINT roster_edits_action_check CHECK ((action = ANY (ARRAY['CREATE'::text, 'UPDATE'::text, 'DELETE'::text]))),
  CONSTRAINT roster_edits_entity_check CHECK ((entity = ANY (ARRAY['COURSE'::text, 'GROUP'::text, 'STUDENT'::text, 'TEACHER'::text, 'MEMBERSHIP'::text]))),
  CONSTRAINT roster_edits_pkey PRIMARY KEY (institution_id, "position", seq)
);
CREATE INDEX roster_edits_entity ON roster_edits USING btree (institution_id, entity_id, "position");

CREATE TABLE schema_migrations (
  name text NOT NULL,
  applied_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT schema_migrations_pkey PRIMARY KEY (name)
);

CREATE TABLE send_orders (
  integration_id uuid NOT NULL,
  session_id uuid NOT NULL,
  institution_id uuid NOT NULL,
  version integer DEFAULT 1 NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  last_reason text,
  ordered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  next_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT send_orders_pkey PRIMARY KEY (integration_id, session_id)
);

CREATE TABLE students (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  national_id text,
  given_name text DEFAULT ''::text NOT NULL,
  family_name text DEFAULT ''::text NOT NULL,
  email text,
  code text,
  enrolled_on date,
  birth_date date,
  active boolean DEFAULT true NOT NULL,
  metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  edited text[] DEFAULT '{}'::text[] NOT NULL,
  merged_into uuid,
  CONSTRAINT students_pkey PRIMARY KEY (institution_id, id)
) WITH (fillfactor=90);
CREATE INDEX students_merged ON students USING btree (institution_id, merged_into) WHERE (merged_into IS NOT NULL);
CREATE TRIGGER forget_all_digests AFTER TRUNCATE ON students FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('STUDENT');
CREATE TRIGGER forget_digest_of_edited AFTER UPDATE OF edited ON students FOR EACH ROW EXECUTE FUNCTION forget_digest_of_edited('STUDENT');
CREATE TRIGGER forget_digests AFTER DELETE ON students REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('STUDENT');

CREATE TABLE sync_changes (
  integration_id uuid NOT NULL,
  run_id uuid NOT NULL,
  seq integer NOT NULL,
  entity text NOT NULL,
  action text NOT NULL,
  internal_id uuid NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  before jsonb,
  after jsonb,
  digest uuid,
  line integer,
  missing_before integer,
  missing_after integer,
  outcome text,
  reason text,
  CONSTRAINT sync_changes_action_check CHECK ((action = ANY (ARRAY['CREATE'::text, 'UPDATE'::text, 'RESTORE'::text, 'DEACTIVATE'::text, 'MISSING'::text, 'LINK'::text, 'UNLINK'::text, 'DELETE'::text, 'REKEY'::text]))),
  CONSTRAINT sync_changes_entity_check CHECK ((entity = ANY (ARRAY['COURSE'::text, 'GROUP'::text, 'STUDENT'::text, 'TEACHER'::text, 'MEMBERSHIP'::text]))),
  CONSTRAINT sync_changes_outcome_check CHECK ((outcome = ANY (ARRAY['MOVED'::text, 'REFUSED'::text]))),
  CONSTRAINT sync_changes_pkey PRIMARY KEY (integration_id, run_id, seq)
);
CREATE INDEX sync_changes_by_external ON sync_changes USING btree (integration_id, entity, external_id) WHERE (action = ANY (ARRAY['LINK'::text, 'UNLINK'::text, 'DELETE'::text, 'REKEY'::text]));
CREATE INDEX sync_changes_by_former ON sync_changes USING btree (integration_id, entity, ((before ->> 'externalId'::text))) WHERE (action = 'REKEY'::text);
CREATE INDEX sync_changes_by_internal ON sync_changes USING btree (integration_id, internal_id) WHERE (entity <> 'MEMBERSHIP'::text);

CREATE TABLE sync_conflicts (
  integration_id uuid NOT NULL,
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  entity_type text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  run_id uuid NOT NULL,
  record jsonb NOT NULL,
  candidates jsonb NOT NULL,
  reason text NOT NULL,
  resolution text,
  internal_id uuid,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  resolved_at timestamp with time zone,
  lasting boolean DEFAULT true NOT NULL,
  former jsonb,
  idle boolean DEFAULT false NOT NULL,
  CONSTRAINT sync_conflicts_entity_type_check CHECK ((entity_type = ANY (ARRAY['STUDENT'::text, 'TEACHER'::text]))),
  CONSTRAINT sync_conflicts_pkey PRIMARY KEY (integration_id, entity_type, external_id),
  CONSTRAINT sync_conflicts_resolution_check CHECK ((resolution = ANY (ARRAY['LINK'::text, 'CREATE'::text, 'IGNORE'::text])))
);
CREATE UNIQUE INDEX sync_conflicts_by_id ON sync_conflicts USING btree (integration_id, id);

CREATE TABLE sync_issues (
  integration_id uuid NOT NULL,
  run_id uuid NOT NULL,
  number integer NOT NULL,
  severity text NOT NULL,
  rule text NOT NULL,
  message text NOT NULL,
  file text,
  line integer,
  "column" text,
  value text,
  hint text,
  external_id text,
  cells jsonb,
  CONSTRAINT sync_issues_pkey PRIMARY KEY (integration_id, run_id, number),
  CONSTRAINT sync_issues_severity_check CHECK ((severity = ANY (ARRAY['ERROR'::text, 'WARNING'::text])))
);

CREATE TABLE sync_runs (
  integration_id uuid NOT NULL,
  id uuid NOT NULL,
  institution_id uuid NOT NULL,
  entity_type text NOT NULL,
  status text DEFAULT 'RUNNING'::text NOT NULL,
  stage text DEFAULT 'READ'::text NOT NULL,
  counts jsonb DEFAULT '{}'::jsonb NOT NULL,
  membership_counts jsonb DEFAULT '{}'::jsonb NOT NULL,
  timings jsonb DEFAULT '{}'::jsonb NOT NULL,
  error text,
  attempt integer DEFAULT 1 NOT NULL,
  owner uuid,
  lease_until timestamp with time zone,
  applied_position bigint,
  started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  finished_at timestamp with time zone,
  kind text DEFAULT 'SYNC'::text NOT NULL,
  parent_id uuid,
  rolls_back uuid,
  evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
  guard jsonb,
  approved_at timestamp with time zone,
  decision text,
  tables jsonb DEFAULT '{}'::jsonb NOT NULL,
  planned_position bigint,
  planned_changes integer,
  pushed boolean DEFAULT false NOT NULL,
  guard_base integer,
  guard_left integer,
  guard_returned integer,
  guard_renamed integer,
  provider text,
  queued_at timestamp with time zone,
  failures jsonb DEFAULT '[]'::jsonb NOT NULL,
  progress jsonb,
  cancel_requested_at timestamp with time zone,
  worker text,
  host text,
  host_limit integer,
  trigger text DEFAULT 'CALL'::text NOT NULL,
  changes_dropped_at timestamp with time zone,
  issues_dropped_at timestamp with time zone,
  external_ids text[],
  CONSTRAINT sync_runs_entity_type_check CHECK ((entity_type = ANY (ARRAY['COURSE'::text, 'GROUP'::text, 'STUDENT'::text, 'TEACHER'::text, 'ALL'::text]))),
  CONSTRAINT sync_runs_kind_check CHECK ((kind = ANY (ARRAY['SYNC'::text, 'PREVIEW'::text, 'ROLLBACK'::text, 'MANUAL'::text]))),
  CONSTRAINT sync_runs_pkey PRIMARY KEY (integration_id, id),
  CONSTRAINT sync_runs_stage_check CHECK ((stage = ANY (ARRAY['READ'::text, 'PLAN'::text, 'APPLY'::text, 'REPORT'::text]))),
  CONSTRAINT sync_runs_status_check CHECK ((status = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text, 'COMPLETED'::text, 'FAILED'::text, 'HELD'::text, 'PREVIEWED'::text, 'DISCARDED'::text, 'CANCELED'::text]))),
  CONSTRAINT sync_runs_trigger_check CHECK ((trigger = ANY (ARRAY['CALL'::text, 'SCHEDULE'::text, 'WEBHOOK'::text])))
);
CREATE INDEX sync_runs_approved ON sync_runs USING btree (integration_id, entity_type, approved_at) WHERE (approved_at IS NOT NULL);
CREATE INDEX sync_runs_by_institution ON sync_runs USING btree (institution_id, started_at DESC, id DESC, status, provider, entity_type);
CREATE INDEX sync_runs_by_position ON sync_runs USING btree (institution_id, applied_position) WHERE (applied_position IS NOT NULL);
CREATE INDEX sync_runs_by_provider ON sync_runs USING btree (provider, started_at DESC, id DESC, status, entity_type);
CREATE INDEX sync_runs_by_provider_and_status ON sync_runs USING btree (provider, status, started_at DESC, id DESC, entity_type);
CREATE INDEX sync_runs_by_start ON sync_runs USING btree (integration_id, started_at DESC, id DESC, status, entity_type);
CREATE INDEX sync_runs_by_status ON sync_runs USING btree (status, started_at DESC, id DESC, provider, entity_type);
CREATE INDEX sync_runs_guard_steps ON sync_runs USING btree (integration_id, entity_type, started_at) WHERE ((guard_left > 0) OR (guard_returned > 0));
CREATE UNIQUE INDEX sync_runs_one_queued ON sync_runs USING btree (integration_id, entity_type) WHERE (status = 'QUEUED'::text);
CREATE UNIQUE INDEX sync_runs_one_running ON sync_runs USING btree (integration_id, entity_type) WHERE (status = 'RUNNING'::text);
CREATE INDEX sync_runs_open ON sync_runs USING btree (institution_id, status) WHERE (status = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text]));
CREATE INDEX sync_runs_over_all ON sync_runs USING btree (started_at DESC, id DESC, status, provider, entity_type);
CREATE INDEX sync_runs_rollbacks ON sync_runs USING btree (integration_id, rolls_back) WHERE (rolls_back IS NOT NULL);
CREATE TRIGGER set_provider_of_run BEFORE INSERT ON sync_runs FOR EACH ROW EXECUTE FUNCTION set_provider_of_run();
CREATE TRIGGER told_when_begun AFTER INSERT ON sync_runs FOR EACH ROW EXECUTE FUNCTION tell_of_run();
CREATE TRIGGER told_when_changed AFTER UPDATE ON sync_runs FOR EACH ROW WHEN ((((((old.status IS DISTINCT FROM new.status) OR (old.stage IS DISTINCT FROM new.stage)) OR (old.counts IS DISTINCT FROM new.counts)) OR (old.progress IS DISTINCT FROM new.progress)) OR (old.cancel_requested_at IS DISTINCT FROM new.cancel_requested_at))) EXECUTE FUNCTION tell_of_run();

CREATE TABLE sync_schedules (
  integration_id uuid NOT NULL,
  entity_type text NOT NULL,
  kind text NOT NULL,
  institution_id uuid NOT NULL,
  cron text NOT NULL,
  time_zone text NOT NULL,
  jitter_seconds integer NOT NULL,
  blackouts jsonb NOT NULL,
  paused_until timestamp with time zone,
  next_at timestamp with time zone,
  last_run_id uuid,
  skipped_at timestamp with time zone,
  skipped_because text,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT sync_schedules_kind_check CHECK ((kind = ANY (ARRAY['SYNC'::text, 'PREVIEW'::text]))),
  CONSTRAINT sync_schedules_pkey PRIMARY KEY (integration_id, entity_type, kind)
);
CREATE INDEX sync_schedules_due ON sync_schedules USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE UNLOGGED TABLE sync_staged (
  integration_id uuid NOT NULL,
  run_id uuid NOT NULL,
  kind text NOT NULL,
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
  role text,
  link_id uuid,
  CONSTRAINT sync_staged_kind_check CHECK ((kind = ANY (ARRAY['ENTITY'::text, 'MEMBERSHIP'::text, 'KEPT_OUT'::text])))
);
CREATE INDEX sync_staged_by_run ON sync_staged USING btree (integration_id, run_id);

CREATE TABLE teachers (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  national_id text,
  given_name text DEFAULT ''::text NOT NULL,
  family_name text DEFAULT ''::text NOT NULL,
  email text,
  code text,
  active boolean DEFAULT true NOT NULL,
  metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  updated_at timestamp with time zone DEFAULT now() NOT NULL,
  edited text[] DEFAULT '{}'::text[] NOT NULL,
  merged_into uuid,
  CONSTRAINT teachers_pkey PRIMARY KEY (institution_id, id)
) WITH (fillfactor=90);
CREATE INDEX teachers_merged ON teachers USING btree (institution_id, merged_into) WHERE (merged_into IS NOT NULL);
CREATE TRIGGER forget_all_digests AFTER TRUNCATE ON teachers FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('TEACHER');
CREATE TRIGGER forget_digest_of_edited AFTER UPDATE OF edited ON teachers FOR EACH ROW EXECUTE FUNCTION forget_digest_of_edited('TEACHER');
CREATE TRIGGER forget_digests AFTER DELETE ON teachers REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_digests('TEACHER');

CREATE TABLE webhook_secrets (
  integration_id uuid NOT NULL,
  id uuid NOT NULL,
  institution_id uuid NOT NULL,
  secret text NOT NULL,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  expires_at timestamp with time zone,
  CONSTRAINT webhook_secrets_pkey PRIMARY KEY (integration_id, id)
);
