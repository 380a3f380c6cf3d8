import type { Migration } from './migration.js';

/** Marks that wait for the id of their student: a status of their own, by which those of one student are found. */
export const withheldMarks: Migration = {
  name: '0036-withheld-marks',
  ahead: {
    columns: [],
    indexes: [
      {
        name: 'outbox_deliveries_withheld',
        on: "outbox_deliveries (integration_id, student_id, session_id) WHERE status = 'WITHHELD'",
      },
    ],
  },
  sql: `
SET LOCAL lock_timeout = '10s';
ALTER TABLE outbox_deliveries DROP CONSTRAINT outbox_deliveries_status_check;
ALTER TABLE outbox_deliveries ADD CONSTRAINT outbox_deliveries_status_check
  CHECK (status IN ('QUEUED', 'WITHHELD', 'SENT', 'CONFIRMED', 'FAILED', 'WITHDRAWN')) NOT VALID;
`,
};
