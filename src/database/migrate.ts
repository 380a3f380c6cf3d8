import { Umzug } from 'umzug';
import type { Logger } from '../observability/index.js';
import type { Database } from './database.js';
import { initial } from './migrations/0001-initial.js';
import { outbox } from './migrations/0002-outbox.js';
import { rosterEdits } from './migrations/0003-roster-edits.js';
import { trust } from './migrations/0004-trust.js';
import { issueRows } from './migrations/0005-issue-rows.js';
import { forgottenDigests } from './migrations/0006-forgotten-digests.js';
import { keptOutRows } from './migrations/0007-kept-out-rows.js';
import { leases } from './migrations/0009-leases.js';
import { guardBaseline } from './migrations/0010-guard-baseline.js';
import { changeLog } from './migrations/0011-change-log.js';
import { outboxAttempts } from './migrations/0012-outbox-attempts.js';
import { editedDigests } from './migrations/0013-edited-digests.js';
import { lastingConflicts } from './migrations/0015-lasting-conflicts.js';
import { listsOverAll } from './migrations/0017-lists-over-all.js';
import { connectorMemory } from './migrations/0020-connector-memory.js';
import { audit } from './migrations/0024-audit.js';
import { requireVersion, SchemaTooNewError } from './unusable-database.js';

/** Every migration there is, oldest first. They only go forward; a released one is never edited. */
const migrations = [
  initial,
  outbox,
  rosterEdits,
  trust,
  issueRows,
  forgottenDigests,
  keptOutRows,
  leases,
  guardBaseline,
  changeLog,
  outboxAttempts,
  editedDigests,
  lastingConflicts,
  listsOverAll,
  connectorMemory,
  audit,
];

/** Any number will do, as long as every process takes the same one. */
const LOCK = 4_711_001;

/**
 * Brings the schema up to date: all that is pending, in one transaction. Of two processes that start at once,
 * one migrates and the other waits and finds nothing to do. Throws SchemaTooNewError when a later version of
 * the program has migrated it.
 */
export async function migrate(database: Database, logger: Logger): Promise<void> {
  const [server] = await database.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  requireVersion(server?.version ?? 0);
  await database.transaction(async () => {
    await database.allowLong({ locks: true });
    await database.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    // A migration that waits for a long query would keep every other query of that table waiting behind it.
    await database.query(`SET LOCAL lock_timeout = '10s'`);
    await database.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    await refuseLaterSchema(database);
    const umzug = new Umzug({
      migrations: migrations.map(({ name, sql }) => ({ name, up: () => database.query(sql) })),
      storage: {
        executed: async () =>
          (await database.query<{ name: string }>('SELECT name FROM schema_migrations')).map(
            ({ name }) => name,
          ),
        logMigration: async ({ name }) => {
          await database.query('INSERT INTO schema_migrations (name) VALUES ($1)', [name]);
        },
        unlogMigration: () => Promise.reject(new Error('migrations only go forward')),
      },
      logger: undefined,
    });
    const applied = await umzug.up();
    if (applied.length > 0) logger.info({ migrations: applied.map(({ name }) => name) }, 'schema migrated');
  });
}

async function refuseLaterSchema(database: Database): Promise<void> {
  const applied = await database.query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY name');
  const later = applied
    .map(({ name }) => name)
    .filter((name) => !migrations.some((own) => own.name === name));
  if (later.length > 0) throw new SchemaTooNewError(later);
}
