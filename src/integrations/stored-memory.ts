import type { ConnectorMemory, RememberOptions } from '../connectors/index.js';
import type { Database } from '../database/index.js';

/** Longer than a school year: so long may pass until a class session is corrected. */
const DAYS = 400;
/** What has expired is deleted in pieces, so that no operation pays for years. */
const FORGOTTEN_AT_ONCE = 10_000;

/** The memory of one integration's connector for one operation, in the database. */
export class StoredMemory implements ConnectorMemory {
  #hasTidied = false;

  constructor(
    private readonly database: Database,
    private readonly integrationId: string,
  ) {}

  async recall(topic: string, keys?: readonly string[]): Promise<Map<string, unknown>> {
    const rows = await this.database.query<{ key: string; value: unknown }>(
      `SELECT key, value FROM connector_memory
       WHERE integration_id = $1 AND topic = $2 AND ($3::text[] IS NULL OR key = ANY($3))
         AND expires_at > clock_timestamp()`,
      [this.integrationId, topic, keys ?? null],
    );
    return new Map(rows.map(({ key, value }) => [key, value]));
  }

  async remember(
    topic: string,
    values: ReadonlyMap<string, unknown>,
    { days = DAYS }: RememberOptions = {},
  ): Promise<void> {
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
    if (kept.length > 0)
      // Of an integration that is deleted meanwhile nothing is kept.
      await this.database.execute(
        `INSERT INTO connector_memory (integration_id, topic, key, value, expires_at)
         SELECT i.id, $2, kept.key, kept.value, clock_timestamp() + make_interval(days => $5)
         FROM (SELECT id FROM integrations WHERE id = $1 FOR KEY SHARE) i,
           unnest($3::text[], $4::jsonb[]) AS kept (key, value)
         ON CONFLICT (integration_id, topic, key) DO UPDATE SET value = EXCLUDED.value, expires_at = EXCLUDED.expires_at
           WHERE connector_memory.value IS DISTINCT FROM EXCLUDED.value
             OR connector_memory.expires_at < EXCLUDED.expires_at - interval '1 day'`,
        [...scope, kept, kept.map((key) => JSON.stringify(values.get(key))), days],
      );
    await this.#tidy();
  }

  /** Once in an operation that remembers something: only those let the table grow. */
  async #tidy(): Promise<void> {
    if (this.#hasTidied) return;
    this.#hasTidied = true;
    await this.database.execute(
      `DELETE FROM connector_memory m
       USING (
         SELECT topic, key FROM connector_memory
         WHERE integration_id = $1 AND expires_at <= clock_timestamp()
         ORDER BY expires_at
         LIMIT ${FORGOTTEN_AT_ONCE}
         FOR UPDATE SKIP LOCKED
       ) expired
       WHERE m.integration_id = $1 AND m.topic = expired.topic AND m.key = expired.key`,
      [this.integrationId],
    );
  }
}
