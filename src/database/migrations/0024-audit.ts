/**
 * Who did what, by institution: rows that are only added, each with a hash of itself and of the one before.
 * The database keeps the chain, so that no writer can leave a gap in it.
 */
export const audit = {
  name: '0024-audit',
  sql: `
CREATE TABLE audit_events (
  institution_id uuid NOT NULL,
  position bigint NOT NULL,
  at timestamptz NOT NULL,
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
  PRIMARY KEY (institution_id, position)
);
CREATE INDEX audit_events_object ON audit_events (institution_id, object_id, position);
CREATE INDEX audit_events_run ON audit_events (institution_id, run_id, position) WHERE run_id IS NOT NULL;
CREATE INDEX audit_events_change ON audit_events (institution_id, change_position)
  WHERE change_position IS NOT NULL;

CREATE INDEX roster_edits_entity ON roster_edits (institution_id, entity_id, position);

-- The last row of each chain: whoever adds one locks it, and rows cut off at the end are missed by it.
CREATE TABLE audit_heads (
  institution_id uuid PRIMARY KEY,
  position bigint NOT NULL,
  hash bytea NOT NULL
);

CREATE FUNCTION audit_hash(previous bytea, e audit_events) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(previous || convert_to(jsonb_build_array(
    e.institution_id, e.position, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
    e.actor, e.address, e.request_id, e.method, e.action, e.object_type, e.object_id,
    e.integration_id, e.run_id, e.change_position, e.before, e.after, e.outcome, e.detail)::text, 'UTF8'))
$$;

CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
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
$$;
CREATE TRIGGER audit_chain BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_chain();

CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_events is append-only';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_events
  FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
`,
};
