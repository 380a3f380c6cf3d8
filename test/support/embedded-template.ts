import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../examples/package-root.js';
import { startEmbeddedPostgres } from '../../src/database/embedded/index.js';
import { Database, migrate } from '../../src/database/index.js';
import { createLogger } from '../../src/observability/index.js';
import { makeQueueTables } from './queue-tables.js';

const BUILT = join(packageRoot, 'dist');
const MIGRATIONS = join(BUILT, 'src/database/migrations');

let template: Promise<string> | undefined;

/** Puts an embedded database with its schema into a data directory: a copy costs a tenth of making one. */
export async function layEmbeddedDatabase(dataDir: string): Promise<void> {
  template ??= findTemplate();
  await mkdir(dataDir, { recursive: true });
  // Node's own copying takes three times as long.
  await promisify(execFile)('cp', ['-R', join(await template, 'postgres'), dataDir]);
}

/** It is kept among what was built, under a name of its own for all that it is made of. */
async function findTemplate(): Promise<string> {
  const folder = join(BUILT, `embedded-template-${await fingerprint()}`);
  if (existsSync(folder)) return folder;
  const made = await makeTemplate();
  try {
    await rename(made, folder);
  } catch (error) {
    // Another process has made the same meanwhile.
    await rm(made, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

async function makeTemplate(): Promise<string> {
  const dataDir = await mkdtemp(join(BUILT, 'new-embedded-template-'));
  const logger = createLogger({ level: 'silent' });
  const { connection, stop } = await startEmbeddedPostgres({ dataDir, logger });
  const database = new Database({ connection, poolSize: 1, embedded: true, logger });
  await migrate(database, logger);
  await makeQueueTables(database, logger);
  await database.close();
  await stop();
  return dataDir;
}

/** Of the versions of the embedded PostgreSQL and of the job queue, and of all migrations. */
async function fingerprint(): Promise<string> {
  const { dependencies } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'));
  const hash = createHash('sha256')
    .update(dependencies['@electric-sql/pglite'])
    .update(dependencies['pg-boss']);
  for (const name of (await readdir(MIGRATIONS)).sort()) {
    if (name.endsWith('.js')) hash.update(name).update(await readFile(join(MIGRATIONS, name)));
  }
  return hash.digest('hex').slice(0, 16);
}
