/** Whether an event has told what became of a mark. What was sent before there were events is not told of. */
export const announcedDeliveries = {
  name: '0022-announced-deliveries',
  sql: `
ALTER TABLE outbox_deliveries ADD COLUMN announced boolean NOT NULL DEFAULT true;
ALTER TABLE outbox_deliveries ALTER COLUMN announced SET DEFAULT false;
`,
};
