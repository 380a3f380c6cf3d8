import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/database/embedded/index.js';
import { createLogger } from '../../src/observability/index.js';
import { tempFolder } from './temp-folder.js';

let template: Promise<string> | undefined;

/** Puts an empty embedded database into a data directory: copying one is ten times as fast as making one. */
export async function layEmbeddedDatabase(dataDir: string): Promise<void> {
  template ??= makeTemplate();
  await cp(join(await template, 'postgres'), join(dataDir, 'postgres'), { recursive: true });
}

async function makeTemplate(): Promise<string> {
  const dataDir = await tempFolder();
  const embedded = await startEmbeddedPostgres({ dataDir, logger: createLogger({ level: 'silent' }) });
  await embedded.stop();
  return dataDir;
}
