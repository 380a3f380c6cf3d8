import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Database, migrate } from '../../src/database/index.js';
import { createLogger } from '../../src/observability/index.js';
import { atExit } from './at-exit.js';
import { asAdmin } from './database-admin.js';
import { makeQueueTables } from './queue-tables.js';

/** Of the services of tests: many are open beside each other, and PostgreSQL takes 100 connections by default. */
export const DATABASE_POOL_SIZE = '8';

const made: string[] = [];
let template: Promise<string> | undefined;

/** The PostgreSQL that the tests may use besides the embedded one; undefined when nobody gave them any. */
export const testDatabaseUrl = process.env.TEST_DATABASE_URL || undefined;

/**
 * A new database with its schema on TEST_DATABASE_URL, dropped when the tests end; undefined where there is
 * none.
 */
export async function freshDatabaseUrl(): Promise<string | undefined> {
  if (!testDatabaseUrl) return undefined;
  template ??= makeTemplate(testDatabaseUrl);
  return createDatabase(testDatabaseUrl, await template);
}

/** A database from which others are copied, which is faster than migrating each. Returns its name. */
async function makeTemplate(server: string): Promise<string> {
  const url = await createDatabase(server, 'template1');
  const logger = createLogger({ level: 'silent' });
  const database = new Database({ connection: url, poolSize: 1, embedded: false, logger });
  await migrate(database, logger);
  await makeQueueTables(database, logger);
  await database.close();
  return new URL(url).pathname.slice(1);
}

async function createDatabase(server: string, from: string): Promise<string> {
  const name = `smartid_test_${randomUUID().replaceAll('-', '')}`;
  made.push(name);
  await asAdmin(server, [
    `CREATE DATABASE ${name} TEMPLATE ${from}`,
    // No test cuts the server's power: there is no need to wait for its disk.
    `ALTER DATABASE ${name} SET synchronous_commit = off`,
  ]);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

atExit(() => {
  if (made.length === 0) return;
  const dropDatabases = fileURLToPath(new URL('./drop-databases.js', import.meta.url));
  execFileSync(process.execPath, [dropDatabases, testDatabaseUrl as string, ...made], { stdio: 'inherit' });
});
