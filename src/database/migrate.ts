import type { Logger } from '../observability/index.js';
import type { Database } from './database.js';
import { migrateAhead } from './migrate-ahead.js';
import { createIndex, type Migration, migrations } from './migrations/index.js';
import { requireVersion, SchemaTooNewError } from './unusable-database.js';

/** Name of the last migration. */
export const SCHEMA_VERSION = (migrations.at(-1) as Migration).name;

/** Any number will do, as long as every process takes the same one. */
const LOCK = 4_711_001;

/**
 * Brings the schema up to date: what takes long beside the work of others, then the rest in one transaction. Of two processes that start at once,
 * one migrates and the other waits and finds nothing to do. Throws SchemaTooNewError when a later version of
 * the program has migrated it.
 */
export async function migrate(database: Database, logger: Logger): Promise<void> {
  const [server] = await database.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  requireVersion(server?.version ?? 0);
  const pending = () => pendingBesideOthers(database);
  if ((await pending()).some(({ ahead }) => ahead)) {
    await migrateAhead(database, { pending, migrate: () => migrateAtOnce(database, logger) });
  } else await migrateAtOnce(database, logger);
}

/** All that is pending, in one transaction. */
async function migrateAtOnce(database: Database, logger: Logger): Promise<void> {
  await database.transaction(async () => {
    await database.allowLong({ locks: true });
    await database.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    // A migration that waits for a long query would keep every other query of that table waiting behind it.
    await database.query(`SET LOCAL lock_timeout = '10s'`);
    await database.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    await refuseLaterSchema(database);
    const applied = await appliedTo(database);
    const pending = migrations.filter(({ name }) => !applied.includes(name));
    for (const migration of pending) {
      await database.query(textOf(migration));
      await database.query('INSERT INTO schema_migrations (name) VALUES ($1)', [migration.name]);
    }
    if (pending.length > 0) logger.info({ migrations: pending.map(({ name }) => name) }, 'schema migrated');
  });
}

/**
 * Migrations that are pending on a database which others may use. On a new one, and on one of which nobody
 * else can know, there is nobody to wait.
 */
async function pendingBesideOthers(database: Database): Promise<readonly Migration[]> {
  if (database.isExclusive) return [];
  const [row] = await database.query<{ isThere: boolean }>(
    `SELECT to_regclass('schema_migrations') IS NOT NULL AS "isThere"`,
  );
  const applied = row?.isThere ? await appliedTo(database) : [];
  if (applied.length === 0) return [];
  return migrations.filter(({ name }) => !applied.includes(name));
}

/** What was done ahead finds itself done. */
function textOf({ ahead, sql }: Migration): string {
  const indexes = (ahead?.indexes ?? []).map((index) => createIndex(index));
  return [...(ahead?.columns ?? []), ...indexes, sql].join(';\n');
}

async function appliedTo(database: Database): Promise<string[]> {
  const rows = await database.query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY name');
  return rows.map(({ name }) => name);
}

async function refuseLaterSchema(database: Database): Promise<void> {
  const applied = await appliedTo(database);
  const later = applied.filter((name) => !migrations.some((own) => own.name === name));
  if (later.length > 0) throw new SchemaTooNewError(later);
}
