/** What schools' systems send to us, the secrets that they sign it with, and runs of single entities. */
export const webhooks = {
  name: '0028-webhooks',
  sql: `
SET LOCAL lock_timeout = '10s';
-- The only ones of its entity type that it is about, by their ids in the school's system; null: all.
ALTER TABLE sync_runs ADD COLUMN external_ids text[];

CREATE TABLE webhook_secrets (
  integration_id uuid NOT NULL,
  id uuid NOT NULL,
  institution_id uuid NOT NULL,
  -- Sealed.
  secret text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Until when it is good; null: until it is deleted or another takes its place.
  expires_at timestamptz,
  PRIMARY KEY (integration_id, id)
);

CREATE TABLE received_webhooks (
  integration_id uuid NOT NULL,
  webhook_id text COLLATE "C" NOT NULL,
  institution_id uuid NOT NULL,
  -- WEBHOOK: signed, and answered once it is here. PUSH: by a secret address, answered once it is taken in.
  kind text NOT NULL CHECK (kind IN ('WEBHOOK', 'PUSH')),
  -- As it came.
  body bytea NOT NULL,
  -- What it says that changed: {entityType, externalIds?} each.
  changes jsonb NOT NULL DEFAULT '[]',
  status text NOT NULL CHECK (status IN ('WAITING', 'STARTED', 'DONE', 'FAILED', 'IGNORED', 'REFUSED')),
  reason text,
  -- The runs that it started, or that it has a part in.
  run_ids uuid[] NOT NULL DEFAULT '{}',
  -- Attempts that failed.
  attempts integer NOT NULL DEFAULT 0,
  sent_at timestamptz,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (integration_id, webhook_id)
);
CREATE INDEX received_webhooks_by_time ON received_webhooks (integration_id, received_at, webhook_id);
CREATE INDEX received_webhooks_open ON received_webhooks (integration_id, received_at)
  WHERE status IN ('WAITING', 'STARTED');
`,
};
