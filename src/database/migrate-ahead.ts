import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import type { Database } from './database.js';
import { createIndex, type Migration, type NewIndex } from './migrations/index.js';

/** Another number than that of the migrations themselves. */
const LOCK = 4_711_002;
/** How often it is looked whether another process is done, in milliseconds. */
const LOOK_EVERY_MS = 200;

/**
 * Does what pending migrations want done ahead, while others use the database: no lock is held that keeps them
 * from writing. Then `migrate`. Of two processes one does both, and the other waits. What a process left half
 * done that died on it is done again.
 */
export async function migrateAhead(
  database: Database,
  { pending, migrate }: { pending: () => Promise<readonly Migration[]>; migrate: () => Promise<void> },
): Promise<void> {
  await database.withClient(async (client) => {
    const limits = await limitsOf(client);
    // An index that is built beside others waits for every transaction that was there before.
    await client.query('SET statement_timeout = 0; SET lock_timeout = 0');
    try {
      await takeTurn(client);
      for (const { ahead } of await pending()) {
        for (const statement of ahead?.columns ?? []) await addColumn(client, statement);
        for (const index of ahead?.indexes ?? []) await buildIndex(client, index);
      }
      await migrate();
    } finally {
      await client.query('SELECT pg_advisory_unlock_all()');
      await client.query(
        `SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false)`,
        [limits.statement, limits.lock],
      );
    }
  });
}

async function limitsOf(client: PoolClient): Promise<{ statement: string; lock: string }> {
  const { rows } = await client.query<{ statement: string; lock: string }>(
    `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock`,
  );
  return rows[0] as { statement: string; lock: string };
}

/** Waits without a statement under way: an index that is being built would wait for that one. */
async function takeTurn(client: PoolClient): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [
      LOCK,
    ]);
    if (rows[0]?.taken) return;
    await sleep(LOOK_EVERY_MS);
  }
}

/** Quick, but under a lock for which nobody shall wait behind us for long. */
async function addColumn(client: PoolClient, statement: string): Promise<void> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = '10s'; ${statement}; COMMIT`).catch(async (error) => {
    await client.query('ROLLBACK');
    throw error;
  });
}

async function buildIndex(client: PoolClient, index: NewIndex): Promise<void> {
  const [table] = index.on.split(' ');
  const made = await client.query('SELECT 1 WHERE to_regclass($1) IS NOT NULL', [table]);
  // Another migration makes it that is pending too: there is nobody to wait for an index of it.
  if (made.rowCount === 0) return;
  const { rows } = await client.query<{ isValid: boolean }>(
    'SELECT indisvalid AS "isValid" FROM pg_index WHERE indexrelid = to_regclass($1)',
    [index.name],
  );
  // Its process died, or was kept from going on.
  if (rows[0]?.isValid === false) await client.query(`DROP INDEX CONCURRENTLY ${index.name}`);
  await client.query(createIndex(index, 'CONCURRENTLY'));
}
