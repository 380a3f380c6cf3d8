import { loadConfig } from './config.js';
import { buildHouse, type House } from './house.js';
import { createLogger } from './observability/index.js';

export {
  type AttendanceSheet,
  ConnectorError,
  ConnectorFactory,
  IntegrationProvider,
  MappingEntityType,
  RosterConnector,
  type SendResult,
  type SISConnector,
  type SyncResult,
} from './connectors/index.js';
export { ServiceError } from './errors.js';
export type { House } from './house.js';
export { type Integration, IntegrationService } from './integrations/index.js';
export { type IntegrationMapping, MappingService } from './mappings/index.js';
export { RosterService } from './roster/index.js';

export interface LibraryOptions {
  /** Folder for everything the library keeps itself; the embedded database too. Default ./data. */
  dataDir?: string;
  /** PostgreSQL to work on, instead of the embedded one. */
  databaseUrl?: string;
  /** `id:base64 of 32 bytes,…`; default: a key file under dataDir. */
  credentialKeys?: string;
  /** The only folder that connectors may read and write files in. Default dataDir/files. */
  csvRoot?: string;
  /** Default warn. */
  logLevel?: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
}

/** The services of the product in this process, without a port. Call `close` at the end. */
export async function createIntegrations(options: LibraryOptions = {}): Promise<House> {
  const config = loadConfig({
    DATA_DIR: options.dataDir,
    DATABASE_URL: options.databaseUrl,
    CREDENTIAL_KEYS: options.credentialKeys,
    CSV_ROOT: options.csvRoot,
    LOG_LEVEL: options.logLevel ?? 'warn',
  });
  return buildHouse({ config, logger: createLogger({ level: config.logLevel }) });
}
