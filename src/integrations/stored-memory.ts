import type { ConnectorMemory } from '../connectors/index.js';
import type { Database } from '../database/index.js';

/** The memory of one integration's connector, in the database. */
export class StoredMemory implements ConnectorMemory {
  constructor(
    private readonly database: Database,
    private readonly integrationId: string,
  ) {}

  async recall(topic: string, keys?: readonly string[]): Promise<Map<string, unknown>> {
    const rows = await this.database.query<{ key: string; value: unknown }>(
      `SELECT key, value FROM connector_memory
       WHERE integration_id = $1 AND topic = $2 AND ($3::text[] IS NULL OR key = ANY($3))`,
      [this.integrationId, topic, keys ?? null],
    );
    return new Map(rows.map(({ key, value }) => [key, value]));
  }

  async remember(topic: string, values: ReadonlyMap<string, unknown>): Promise<void> {
    // In the order of their keys: two operations that write the same ones do not wait for each other in a circle.
    const keys = [...values.keys()].sort();
    const kept = keys.filter((key) => values.get(key) !== undefined);
    const forgotten = keys.filter((key) => values.get(key) === undefined);
    const scope = [this.integrationId, topic];
    if (forgotten.length > 0)
      await this.database.execute(
        'DELETE FROM connector_memory WHERE integration_id = $1 AND topic = $2 AND key = ANY($3)',
        [...scope, forgotten],
      );
    if (kept.length === 0) return;
    // Of an integration that is deleted meanwhile nothing is kept.
    await this.database.execute(
      `INSERT INTO connector_memory (integration_id, topic, key, value)
       SELECT i.id, $2, kept.key, kept.value
       FROM (SELECT id FROM integrations WHERE id = $1 FOR KEY SHARE) i,
         unnest($3::text[], $4::jsonb[]) AS kept (key, value)
       ON CONFLICT (integration_id, topic, key) DO UPDATE SET value = EXCLUDED.value
         WHERE connector_memory.value IS DISTINCT FROM EXCLUDED.value`,
      [...scope, kept, kept.map((key) => JSON.stringify(values.get(key)))],
    );
  }
}
