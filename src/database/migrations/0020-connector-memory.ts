/** What connectors keep between operations, by integration: small values under a topic and a key. */
export const connectorMemory = {
  name: '0020-connector-memory',
  sql: `
CREATE TABLE connector_memory (
  integration_id uuid NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  value jsonb NOT NULL,
  PRIMARY KEY (integration_id, topic, key)
);
`,
};
