/** What a connector remembers is forgotten after a time, so that it does not grow for ever. */
export const memoryExpiry = {
  name: '0023-memory-expiry',
  sql: `
SET LOCAL lock_timeout = '10s';
-- A process of the version before leaves the default, and does not put it off: that saves fewer calls, no more.
ALTER TABLE connector_memory ADD COLUMN expires_at timestamptz NOT NULL DEFAULT now() + interval '400 days';
CREATE INDEX connector_memory_expiry ON connector_memory (integration_id, expires_at);
`,
};
