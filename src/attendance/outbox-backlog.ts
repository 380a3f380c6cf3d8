import type { Database } from '../database/index.js';
import type { DeliveryStatus } from './delivery-store.js';

/** How many marks of all integrations are to be sent, by status; beside all other work. */
export function readOutboxBacklog(database: Database): Promise<{ status: DeliveryStatus; count: number }[]> {
  return database.queryApart(
    `SELECT status, count(*)::int AS count
     FROM outbox_deliveries
     WHERE status IN ('QUEUED', 'WITHHELD', 'FAILED')
     GROUP BY status`,
  );
}
