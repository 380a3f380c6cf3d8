import { loadConfig } from '../../src/config.js';
import { startEmbeddedPostgres } from '../../src/database/embedded/index.js';
import { Database } from '../../src/database/index.js';
import { createLogger } from '../../src/observability/index.js';
import { atFileEnd } from './at-file-end.js';
import { freshDatabaseUrl } from './database.js';
import { layEmbeddedDatabase } from './embedded-template.js';
import { tempFolder } from './temp-folder.js';

const logger = createLogger({ level: 'silent' });

/** A database of its own, until its file ends, that no service looks at: nobody but the test resumes runs there. */
export async function quietDatabase({ poolSize = 20 }: { poolSize?: number } = {}): Promise<Database> {
  const url = await freshDatabaseUrl();
  const database = url
    ? new Database({ connection: url, poolSize, embedded: false, logger })
    : await embedded();
  atFileEnd(() => database.close());
  return database;
}

async function embedded(): Promise<Database> {
  const dataDir = await tempFolder();
  await layEmbeddedDatabase(dataDir);
  const server = await startEmbeddedPostgres({ dataDir: loadConfig({ DATA_DIR: dataDir }).dataDir, logger });
  atFileEnd(() => server.stop());
  return new Database({ connection: server.connection, poolSize: 1, embedded: true, logger });
}
