import { NO_INSTITUTION, recordEvent } from '../audit/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { CredentialOpener } from './connector-session.js';

/** Seals credentials; see CredentialVault. */
export interface CredentialSealer extends CredentialOpener {
  seal(integrationId: string, credentials: Record<string, string>): string;
}

/** A key, and what it seals. */
export interface KeyUse {
  id: string;
  /** Whether it is among the configured keys. What a key seals that is not cannot be opened. */
  configured: boolean;
  /** Whether new and changed credentials are sealed with it. */
  seals: boolean;
  /** How many integrations have credentials that it seals. */
  integrationCount: number;
  /** How many subscriptions to events have secrets that it seals. */
  subscriptionCount: number;
  /** How many secrets of webhooks it seals. */
  webhookSecretCount: number;
}

/** What a rotation did. */
export interface KeyRotation {
  /** Whether all stored credentials are sealed with the first key now. */
  success: boolean;
  resealedCount: number;
  /** A sentence for each integration and subscription whose secrets stay as they were, at most 100. */
  errors: string[];
  errorCount: number;
  before: KeyUse[];
  after: KeyUse[];
}

interface Sealed {
  id: string;
  sealed: string;
}

/** A table with a sealed text in each row, by a UUID that no two rows have. */
interface Place {
  table: 'integrations' | 'event_subscriptions' | 'webhook_secrets';
  column: string;
  noun: string;
  /** What keeps a row that others hold, in a sentence. */
  held: string;
}

const PLACES: readonly Place[] = [
  {
    table: 'integrations',
    column: 'credentials',
    noun: 'Integration',
    held: 'a sync is at work on it. Rotate the keys again after it.',
  },
  {
    table: 'event_subscriptions',
    column: 'secrets',
    noun: 'Subscription',
    held: 'others are at work on it. Rotate the keys again.',
  },
  {
    table: 'webhook_secrets',
    column: 'secret',
    noun: 'Webhook secret',
    held: 'others are at work on it. Rotate the keys again.',
  },
];

const BATCH = 100;
const MOST_ERRORS = 100;
/** How long all rows together are waited for that others hold, in milliseconds. */
const PATIENCE_MS = 20_000;

/** Which keys seal the stored credentials, and their change to the first of the configured ones. */
export class CredentialKeys {
  constructor(
    private readonly database: Database,
    /** With the ids of its keys: the first seals. */
    private readonly vault: CredentialSealer & { readonly keyIds: readonly string[] },
  ) {}

  /** The configured keys in their order, then others that stored credentials are sealed with. */
  async list(): Promise<KeyUse[]> {
    const rows = await this.database.query<{
      id: string;
      integrations: number;
      subscriptions: number;
      webhooks: number;
    }>(
      `SELECT id, sum(integrations)::int AS integrations, sum(subscriptions)::int AS subscriptions,
         sum(webhooks)::int AS webhooks
       FROM (
         SELECT split_part(credentials, '.', 2) AS id, 1 AS integrations, 0 AS subscriptions, 0 AS webhooks
         FROM integrations
         UNION ALL
         SELECT split_part(secrets, '.', 2), 0, 1, 0 FROM event_subscriptions
         UNION ALL
         SELECT split_part(secret, '.', 2), 0, 0, 1 FROM webhook_secrets) sealed
       GROUP BY 1
       ORDER BY 1`,
    );
    const uses = new Map(rows.map((row) => [row.id, row]));
    const configured = this.vault.keyIds;
    return [...new Set([...configured, ...uses.keys()])].map((id) => ({
      id,
      configured: configured.includes(id),
      seals: id === configured[0],
      integrationCount: uses.get(id)?.integrations ?? 0,
      subscriptionCount: uses.get(id)?.subscriptions ?? 0,
      webhookSecretCount: uses.get(id)?.webhooks ?? 0,
    }));
  }

  /** What to do about credentials that no configured key opens, in a sentence; undefined when there are none. */
  async warning(): Promise<string | undefined> {
    const missing = (await this.list()).filter(({ configured }) => !configured);
    if (missing.length === 0) return undefined;
    const countOf = (key: KeyUse) => key.integrationCount + key.subscriptionCount + key.webhookSecretCount;
    const keys = missing.map((key) => `"${key.id}" (${countOf(key)})`);
    const total = missing.reduce((sum, key) => sum + countOf(key), 0);
    const kinds = [
      'integrations',
      ...(missing.some(({ subscriptionCount }) => subscriptionCount > 0) ? ['subscriptions'] : []),
      ...(missing.some(({ webhookSecretCount }) => webhookSecretCount > 0) ? ['secrets of webhooks'] : []),
    ];
    const what = kinds.length === 1 && total === 1 ? 'integration' : kinds.join(' and ');
    return `The credentials of ${total} ${what} are sealed with keys that are not in CREDENTIAL_KEYS, and cannot be opened: ${keys.join(', ')}. Put these keys back behind the first one, or set the credentials anew.`;
  }

  /**
   * Seals everything with the first key, a batch a transaction: what is done stays done whenever this ends, and
   * doing it again does what is left. A row is read and written under its lock, so that credentials set
   * meanwhile are kept. What cannot be opened stays as it is and is an error.
   */
  async rotate(): Promise<KeyRotation> {
    const before = await this.list();
    const problems = new Map<string, string>();
    let resealedCount = 0;
    for (const place of PLACES) {
      let after = '';
      while (true) {
        const batch = await this.#others(place, after);
        const last = batch.at(-1);
        if (!last) break;
        resealedCount += await this.#reseal(place, batch, problems, 'SKIP LOCKED');
        after = last;
      }
      resealedCount += await this.#resealHeld(place, problems);
    }
    return {
      success: problems.size === 0,
      resealedCount,
      errors: [...problems.values()].slice(0, MOST_ERRORS),
      errorCount: problems.size,
      before,
      after: await this.list(),
    };
  }

  /** Ids of rows that are sealed with another key than the first: a batch of them. */
  async #others({ table, column }: Place, after: string): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM ${table}
       WHERE split_part(${column}, '.', 2) <> $1 ${after ? 'AND id > $3::uuid' : ''}
       ORDER BY id
       LIMIT $2`,
      [this.vault.keyIds[0], BATCH, ...(after ? [after] : [])],
    );
    return rows.map(({ id }) => id);
  }

  /** Seals those of these rows anew that can be; returns how many. */
  async #reseal(
    { table, column, noun }: Place,
    ids: readonly string[],
    problems: Map<string, string>,
    locked: 'SKIP LOCKED' | '',
  ): Promise<number> {
    return this.database.transaction(async () => {
      const rows = await this.database.query<Sealed>(
        `SELECT id, ${column} AS sealed FROM ${table}
         WHERE id = ANY($1::uuid[]) AND split_part(${column}, '.', 2) <> $2
         ORDER BY id
         FOR NO KEY UPDATE ${locked}`,
        [ids, this.vault.keyIds[0]],
      );
      const resealed: Sealed[] = [];
      for (const { id, sealed } of rows) {
        try {
          resealed.push({ id, sealed: this.vault.seal(id, this.vault.open(id, sealed)) });
        } catch (error) {
          problems.set(id, `${noun} ${id}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      if (resealed.length === 0) return 0;
      // Of all institutions at once: it is nobody's alone, and what is sealed stays the same.
      await recordEvent(this.database, {
        institutionId: NO_INSTITUTION,
        action: 'keys.rotated',
        objectType: 'KEY',
        objectId: this.vault.keyIds[0] ?? '',
        after: { resealedCount: resealed.length },
      });
      return this.database.execute(
        `UPDATE ${table} i SET ${column} = r.sealed
         FROM unnest($1::uuid[], $2::text[]) AS r (id, sealed)
         WHERE i.id = r.id`,
        [resealed.map(({ id }) => id), resealed.map(({ sealed }) => sealed)],
      );
    });
  }

  /** Seals those anew whose rows others held, one by one: a sync holds its integration while it is applied. */
  async #resealHeld(place: Place, problems: Map<string, string>): Promise<number> {
    const end = performance.now() + PATIENCE_MS;
    let count = 0;
    let after = '';
    while (true) {
      const batch = await this.#others(place, after);
      const last = batch.at(-1);
      if (!last) return count;
      for (const id of batch.filter((one) => !problems.has(one))) {
        try {
          count += await this.#reseal(place, [id], problems, performance.now() < end ? '' : 'SKIP LOCKED');
        } catch (error) {
          if (!(error instanceof ServiceError && error.code === 'aborted')) throw error;
        }
      }
      for (const id of await this.#stillOther(place, batch, problems))
        problems.set(id, `${place.noun} ${id}: ${place.held}`);
      after = last;
    }
  }

  async #stillOther(
    { table, column }: Place,
    ids: readonly string[],
    problems: ReadonlyMap<string, string>,
  ): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM ${table}
       WHERE id = ANY($1::uuid[]) AND split_part(${column}, '.', 2) <> $2
       ORDER BY id`,
      [ids, this.vault.keyIds[0]],
    );
    return rows.map(({ id }) => id).filter((id) => !problems.has(id));
  }
}
