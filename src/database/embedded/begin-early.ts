import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lockDataDir } from './data-dir-lock.js';
import { beginEmbeddedPostgres, type EmbeddedPostgresStart } from './embedded-postgres.js';
import { compileProgram, keepProgram } from './postgres-program.js';

/**
 * Begins what takes longest at the start of a process, before the rest of it is loaded: its database, where one is
 * in the folder. A new one waits until it is known that everything else is in order. Resolves once its thread has begun;
 * what fails is told to whoever uses it.
 */
export async function beginEarly(dataDir: string): Promise<EmbeddedPostgresStart | undefined> {
  if (!existsSync(join(dataDir, 'postgres', 'PG_VERSION'))) {
    // Should that fail, whoever needs it says so.
    compileProgram().then(keepProgram, () => {});
    return undefined;
  }
  try {
    return await beginEmbeddedPostgres(await lockDataDir(dataDir), dataDir);
  } catch (error) {
    return { use: () => Promise.reject(error), abandon: () => Promise.resolve() };
  }
}
