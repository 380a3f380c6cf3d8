import type { Database } from '../database/index.js';

/** What was received and is not over. */
export interface WebhookBacklog {
  status: 'WAITING' | 'STARTED';
  count: number;
}

/** Over all integrations; beside all other work. */
export function readWebhookBacklog(database: Database): Promise<WebhookBacklog[]> {
  return database.queryApart(
    `SELECT status, count(*)::int AS count
     FROM received_webhooks
     WHERE status IN ('WAITING', 'STARTED')
     GROUP BY status`,
  );
}
