/** Calls that bear an Idempotency-Key, and what they were answered. */
export const idempotencyKeys = {
  name: '0029-idempotency-keys',
  sql: `
SET LOCAL lock_timeout = '10s';
CREATE TABLE idempotency_keys (
  -- SHA-256 of the name of the caller's token, the method and the key: whoever has none of them finds nothing.
  digest bytea NOT NULL PRIMARY KEY,
  -- Of the call. What is sealed opens with it alone.
  id uuid NOT NULL,
  actor text NOT NULL,
  method text NOT NULL,
  -- What was asked, as a hash; once it is there, the answer.
  sealed text NOT NULL,
  -- Until when whoever carries the call out is known to be alive; null: it was answered.
  running_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);
`,
};
