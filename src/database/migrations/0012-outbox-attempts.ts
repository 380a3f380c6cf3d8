/** Which attempt a delivery was handed out in, and deliveries that are not to be sent any more. */
export const outboxAttempts = {
  name: '0012-outbox-attempts',
  sql: `
ALTER TABLE outbox_deliveries ADD COLUMN attempt uuid;

-- Allows one more status. NOT VALID: rows that are there had to pass a narrower check, and are not read again.
ALTER TABLE outbox_deliveries DROP CONSTRAINT outbox_deliveries_status_check;
ALTER TABLE outbox_deliveries ADD CONSTRAINT outbox_deliveries_status_check
  CHECK (status IN ('QUEUED', 'SENT', 'CONFIRMED', 'FAILED', 'WITHDRAWN')) NOT VALID;
`,
};
