/**
 * Leases: who works on what just now, for syncs and attendance alike. A process of the version before keeps
 * its lease in sync_runs.lease_until, which is honoured until it has run out.
 */
export const leases = {
  name: '0009-leases',
  sql: `
CREATE TABLE leases (
  integration_id uuid NOT NULL,
  resource text NOT NULL,
  owner uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (integration_id, resource)
);
ALTER TABLE sync_runs ALTER COLUMN owner DROP NOT NULL;
ALTER TABLE sync_runs ALTER COLUMN lease_until DROP NOT NULL;

-- Fails unless the lease is still the holder's, and keeps it from being taken until the transaction ends.
CREATE PROCEDURE hold_lease(integration uuid, name text, holder uuid) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM leases WHERE integration_id = integration AND resource = name AND owner = holder FOR SHARE;
  IF NOT FOUND THEN RAISE EXCEPTION 'the lease was taken by another' USING ERRCODE = 'SL001'; END IF;
END $$;

-- Where the institution's changes stood when the plan was made, and how many changes it has.
ALTER TABLE sync_runs ADD COLUMN planned_position bigint;
ALTER TABLE sync_runs ADD COLUMN planned_changes integer;
-- Records that the school system pushed: there is no source to read again.
ALTER TABLE sync_runs ADD COLUMN pushed boolean NOT NULL DEFAULT false;
`,
};
