import { setImmediate } from 'node:timers/promises';
import type { Database } from '../database/index.js';
import { storableText } from '../values/index.js';
import type { StoredChange } from './webhook.js';

/** A webhook whose signature was good, as it is to be stored. */
export interface NewWebhook {
  integrationId: string;
  institutionId: string;
  webhookId: string;
  /** The secret that it was signed with. */
  secretId: string;
  body: Buffer;
  changes: readonly StoredChange[];
  status: 'WAITING' | 'IGNORED' | 'REFUSED';
  reason: string | null;
  sentAt: Date;
}

/** DUPLICATE: one of the same id is stored already. REVOKED: its secret is no longer good. */
export type Stored = 'NEW' | 'DUPLICATE' | 'REVOKED';

interface Waiting {
  row: NewWebhook;
  resolve: (stored: Stored) => void;
  reject: (error: unknown) => void;
}

/** Bounds of one statement. */
const MOST_ROWS = 100;
const MOST_BYTES = 1024 * 1024;
/** Statements under way at once: while one is, what comes gathers for the next, which costs little more for it. */
const AT_ONCE = 1;

/**
 * Stores webhooks as they come: those that come while others are being stored go into one statement, and each is
 * told what became of it once that is committed. One that cannot be stored is in nobody else's way.
 */
export class InsertBatch {
  readonly #waiting: Waiting[] = [];
  #underWay = 0;

  constructor(private readonly database: Database) {}

  store(row: NewWebhook): Promise<Stored> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ row, resolve, reject });
      if (this.#underWay < AT_ONCE) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#underWay += 1;
    // What came with this one in the same turn goes with it.
    await setImmediate();
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) await this.#storeAll(batch);
    this.#underWay -= 1;
  }

  /** As many as fit into a statement; of two with one id, the second waits for the first to be there. */
  #next(): Waiting[] {
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    const keys = new Set<string>();
    let bytes = 0;
    for (const one of this.#waiting.splice(0)) {
      const key = `${one.row.integrationId} ${one.row.webhookId}`;
      bytes += one.row.body.length;
      const fits = batch.length < MOST_ROWS && (batch.length === 0 || bytes <= MOST_BYTES) && !keys.has(key);
      keys.add(key);
      (fits ? batch : left).push(one);
    }
    this.#waiting.unshift(...left);
    return batch;
  }

  async #storeAll(batch: readonly Waiting[]): Promise<void> {
    try {
      const stored = await insert(
        this.database,
        batch.map(({ row }) => row),
      );
      for (const [at, { resolve }] of batch.entries()) resolve(stored[at] as Stored);
    } catch (error) {
      const [only] = batch;
      if (batch.length === 1) only?.reject(error);
      else for (const one of batch) await this.#storeAll([one]);
    }
  }
}

/** Stores rows of different ids in one statement; what became of each, in their order. */
async function insert(database: Database, rows: readonly NewWebhook[]): Promise<Stored[]> {
  const column = <K extends keyof NewWebhook>(name: K) => rows.map((row) => row[name]);
  const found = await database.queryOften<{ at: number; isGood: boolean; isNew: boolean }>(
    `WITH given AS (
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::bytea[], $6::jsonb[], $7::text[],
         $8::text[], $9::timestamptz[]) WITH ORDINALITY AS g (integration_id, institution_id, webhook_id,
         secret_id, body, changes, status, reason, sent_at, at)
     ), good AS MATERIALIZED (
       -- Whoever deletes a secret, or the integration with it, waits for this, and is not waited for.
       SELECT s.integration_id, s.id FROM webhook_secrets s
       WHERE (s.integration_id, s.id) IN (SELECT integration_id, secret_id FROM given)
         AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp())
       ORDER BY s.integration_id, s.id FOR KEY SHARE SKIP LOCKED
     ), stored AS (
       INSERT INTO received_webhooks AS w (integration_id, webhook_id, institution_id, kind, body, changes, status,
         reason, sent_at)
       SELECT g.integration_id, g.webhook_id, g.institution_id, 'WEBHOOK', g.body, g.changes, g.status, g.reason,
         g.sent_at
       FROM given g JOIN good ON good.integration_id = g.integration_id AND good.id = g.secret_id
       ORDER BY g.integration_id, g.webhook_id
       ON CONFLICT (integration_id, webhook_id) DO UPDATE
         SET body = excluded.body, changes = excluded.changes, status = excluded.status,
           reason = excluded.reason, sent_at = excluded.sent_at
         WHERE w.status = 'REFUSED'
       RETURNING integration_id, webhook_id
     )
     SELECT g.at::int AS at, good.id IS NOT NULL AS "isGood", stored.webhook_id IS NOT NULL AS "isNew"
     FROM given g
     LEFT JOIN good ON good.integration_id = g.integration_id AND good.id = g.secret_id
     LEFT JOIN stored ON stored.integration_id = g.integration_id AND stored.webhook_id = g.webhook_id
     ORDER BY g.at`,
    [
      column('integrationId'),
      column('institutionId'),
      column('webhookId'),
      column('secretId'),
      column('body'),
      column('changes').map((changes) => JSON.stringify(changes)),
      column('status'),
      column('reason').map((reason) => (reason === null ? null : storableText(reason))),
      column('sentAt').map((at) => at.toISOString()),
    ],
  );
  return found.map(({ isGood, isNew }) => (isNew ? 'NEW' : isGood ? 'DUPLICATE' : 'REVOKED'));
}
