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
}

/** What a rotation did. */
export interface KeyRotation {
  /** Whether all stored credentials are sealed with the first key now. */
  success: boolean;
  resealedCount: number;
  /** A sentence for each integration whose credentials stay as they were, at most 100. */
  errors: string[];
  errorCount: number;
  before: KeyUse[];
  after: KeyUse[];
}

interface Sealed {
  id: string;
  credentials: string;
}

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
    const rows = await this.database.query<{ id: string; count: number }>(
      `SELECT split_part(credentials, '.', 2) AS id, count(*)::int AS count
       FROM integrations
       GROUP BY 1
       ORDER BY 1`,
    );
    const counts = new Map(rows.map(({ id, count }) => [id, count]));
    const configured = this.vault.keyIds;
    return [...new Set([...configured, ...counts.keys()])].map((id) => ({
      id,
      configured: configured.includes(id),
      seals: id === configured[0],
      integrationCount: counts.get(id) ?? 0,
    }));
  }

  /** What to do about credentials that no configured key opens, in a sentence; undefined when there are none. */
  async warning(): Promise<string | undefined> {
    const missing = (await this.list()).filter(({ configured }) => !configured);
    if (missing.length === 0) return undefined;
    const keys = missing.map(({ id, integrationCount }) => `"${id}" (${integrationCount})`);
    const total = missing.reduce((sum, { integrationCount }) => sum + integrationCount, 0);
    return `The credentials of ${total} ${total === 1 ? 'integration' : 'integrations'} are sealed with keys that are not in CREDENTIAL_KEYS, and cannot be opened: ${keys.join(', ')}. Put these keys back behind the first one, or set the credentials anew.`;
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
    let after = '';
    while (true) {
      const batch = await this.#others(after);
      const last = batch.at(-1);
      if (!last) break;
      resealedCount += await this.#reseal(batch, problems, 'SKIP LOCKED');
      after = last;
    }
    resealedCount += await this.#resealHeld(problems);
    return {
      success: problems.size === 0,
      resealedCount,
      errors: [...problems.values()].slice(0, MOST_ERRORS),
      errorCount: problems.size,
      before,
      after: await this.list(),
    };
  }

  /** Ids of integrations whose credentials are sealed with another key than the first: a batch of them. */
  async #others(after: string): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM integrations
       WHERE split_part(credentials, '.', 2) <> $1 ${after ? 'AND id > $3::uuid' : ''}
       ORDER BY id
       LIMIT $2`,
      [this.vault.keyIds[0], BATCH, ...(after ? [after] : [])],
    );
    return rows.map(({ id }) => id);
  }

  /** Seals those of these integrations anew that can be; returns how many. */
  async #reseal(
    ids: readonly string[],
    problems: Map<string, string>,
    locked: 'SKIP LOCKED' | '',
  ): Promise<number> {
    return this.database.transaction(async () => {
      const rows = await this.database.query<Sealed>(
        `SELECT id, credentials FROM integrations
         WHERE id = ANY($1::uuid[]) AND split_part(credentials, '.', 2) <> $2
         ORDER BY id
         FOR NO KEY UPDATE ${locked}`,
        [ids, this.vault.keyIds[0]],
      );
      const resealed: Sealed[] = [];
      for (const { id, credentials } of rows) {
        try {
          resealed.push({ id, credentials: this.vault.seal(id, this.vault.open(id, credentials)) });
        } catch (error) {
          problems.set(id, `Integration ${id}: ${error instanceof Error ? error.message : String(error)}`);
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
        `UPDATE integrations i SET credentials = r.credentials
         FROM unnest($1::uuid[], $2::text[]) AS r (id, credentials)
         WHERE i.id = r.id`,
        [resealed.map(({ id }) => id), resealed.map(({ credentials }) => credentials)],
      );
    });
  }

  /** Seals those anew whose rows others held, one by one: a sync holds its integration while it is applied. */
  async #resealHeld(problems: Map<string, string>): Promise<number> {
    const end = performance.now() + PATIENCE_MS;
    let count = 0;
    let after = '';
    while (true) {
      const batch = await this.#others(after);
      const last = batch.at(-1);
      if (!last) return count;
      for (const id of batch.filter((one) => !problems.has(one))) {
        try {
          count += await this.#reseal([id], problems, performance.now() < end ? '' : 'SKIP LOCKED');
        } catch (error) {
          if (!(error instanceof ServiceError && error.code === 'aborted')) throw error;
        }
      }
      for (const id of await this.#stillOther(batch, problems))
        problems.set(id, `Integration ${id}: a sync is at work on it. Rotate the keys again after it.`);
      after = last;
    }
  }

  async #stillOther(ids: readonly string[], problems: ReadonlyMap<string, string>): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM integrations
       WHERE id = ANY($1::uuid[]) AND split_part(credentials, '.', 2) <> $2
       ORDER BY id`,
      [ids, this.vault.keyIds[0]],
    );
    return rows.map(({ id }) => id).filter((id) => !problems.has(id));
  }
}
