import type { Database } from '../database/index.js';
import { ROWS_AT_ONCE } from './periods.js';

/**
 * Deletes what an integration received so many days ago, whatever became of it: what has waited for so long, of an
 * integration that is INACTIVE, is of no use any more. Returns how many went.
 */
export async function dropOldWebhooks(database: Database, integrationId: string, days: number) {
  let rows = 0;
  while (true) {
    const gone = await database.execute(
      `DELETE FROM received_webhooks WHERE integration_id = $1 AND webhook_id = ANY(ARRAY(
         SELECT webhook_id FROM received_webhooks
         WHERE integration_id = $1 AND received_at < clock_timestamp() - make_interval(days => $2::int)
         ORDER BY received_at LIMIT ${ROWS_AT_ONCE} FOR UPDATE SKIP LOCKED))`,
      [integrationId, days],
    );
    rows += gone;
    if (gone < ROWS_AT_ONCE) return rows;
  }
}
