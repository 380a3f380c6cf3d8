import { loadConfig } from '../../src/config.js';
import { createLogger } from '../../src/observability/index.js';
import { buildServices, type Services } from '../../src/services.js';
import { memorySchool } from './memory-school.js';

/** The services on a database, with schools in memory. */
export function servicesOn(databaseUrl: string, dataDir: string, workers: number): Promise<Services> {
  return buildServices({
    config: loadConfig({ DATABASE_URL: databaseUrl, DATA_DIR: dataDir, WORKERS: String(workers) }),
    logger: createLogger({ level: 'silent' }),
    connectors: [memorySchool],
  });
}
