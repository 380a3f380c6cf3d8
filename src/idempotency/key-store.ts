import type { Database } from '../database/index.js';

/** How long a key counts. */
const KEPT = "interval '24 hours'";
/** How long a process that carries out calls may be silent, in seconds. */
const SILENCE = 60;
/** How often it says that it is alive, in milliseconds. */
export const BEAT_MS = (SILENCE * 1_000) / 3;
const ROWS_AT_ONCE = 5_000;

const SOON = `clock_timestamp() + interval '${SILENCE} seconds'`;

/** A call by its key, and the sealed text that belongs to it. */
export interface KeyRow {
  digest: Buffer;
  id: string;
  actor: string;
  method: string;
  sealed: string;
}

/** What is known of a key. */
export interface KnownKey {
  id: string;
  sealed: string;
  state: 'answered' | 'running' | 'lost';
  createdAt: Date;
}

/** The rows of idempotency_keys. */
export class KeyStore {
  constructor(private readonly database: Database) {}

  /** Takes a key for a call, where nobody has it or has had it too long ago. */
  async take({ digest, id, actor, method, sealed }: KeyRow): Promise<boolean> {
    const rows = await this.database.execute(
      `INSERT INTO idempotency_keys AS k (digest, id, actor, method, sealed, running_until)
       VALUES ($1, $2, $3, $4, $5, ${SOON})
       ON CONFLICT (digest) DO UPDATE
         SET id = excluded.id, sealed = excluded.sealed, running_until = excluded.running_until,
           created_at = excluded.created_at
         WHERE k.created_at < clock_timestamp() - ${KEPT}`,
      [digest, id, actor, method, sealed],
    );
    return rows > 0;
  }

  async find(digest: Buffer): Promise<KnownKey | undefined> {
    const [row] = await this.database.query<KnownKey>(
      `SELECT id, sealed, created_at AS "createdAt",
         CASE WHEN running_until IS NULL THEN 'answered' WHEN running_until > clock_timestamp() THEN 'running'
           ELSE 'lost' END AS state
       FROM idempotency_keys WHERE digest = $1`,
      [digest],
    );
    return row;
  }

  async answer(digest: Buffer, id: string, sealed: string): Promise<void> {
    await this.database.execute(
      'UPDATE idempotency_keys SET sealed = $3, running_until = NULL WHERE digest = $1 AND id = $2',
      [digest, id, sealed],
    );
  }

  /** Gives a key back, as if it had never been used. */
  async release(digest: Buffer, id: string): Promise<void> {
    await this.database.execute('DELETE FROM idempotency_keys WHERE digest = $1 AND id = $2', [digest, id]);
  }

  /** Says that nobody will tell how a call ended. */
  async lose(digest: Buffer, id: string): Promise<void> {
    await this.database.execute(
      `UPDATE idempotency_keys SET running_until = clock_timestamp()
       WHERE digest = $1 AND id = $2 AND running_until IS NOT NULL`,
      [digest, id],
    );
  }

  /** Says so of all calls that are under way. */
  async loseAll(): Promise<void> {
    await this.database.execute(
      'UPDATE idempotency_keys SET running_until = clock_timestamp() WHERE running_until > clock_timestamp()',
    );
  }

  /** Says that these calls are still carried out. */
  async beat(digests: readonly Buffer[]): Promise<void> {
    await this.database.executeApart(
      `UPDATE idempotency_keys SET running_until = ${SOON}
       WHERE digest = ANY($1::bytea[]) AND running_until IS NOT NULL`,
      [digests],
    );
  }
}

/** Deletes the keys that no longer count. Returns how many went. */
export async function dropOldAnswers(database: Database): Promise<number> {
  let rows = 0;
  while (true) {
    const gone = await database.execute(
      `DELETE FROM idempotency_keys WHERE digest = ANY(ARRAY(
         SELECT digest FROM idempotency_keys
         WHERE created_at < clock_timestamp() - ${KEPT}
         ORDER BY created_at LIMIT ${ROWS_AT_ONCE} FOR UPDATE SKIP LOCKED))`,
    );
    rows += gone;
    if (gone < ROWS_AT_ONCE) return rows;
  }
}
