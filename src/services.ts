import { AttendanceService } from './attendance/index.js';
import { AuditService, Refusals } from './audit/index.js';
import type { Config } from './config.js';
import { type ConnectorDefinition, ConnectorFactory, Outbound } from './connectors/index.js';
import { startEmbeddedPostgres } from './database/embedded/index.js';
import { Database, explainUnusable, Leases, migrate } from './database/index.js';
import { lackOfRoom } from './disk-room.js';
import {
  ConnectorSessions,
  CredentialKeys,
  capabilitiesOf,
  cursorsOf,
  IntegrationService,
  IntegrationStore,
  StoredMemory,
  syncWork,
  timeZoneOf,
} from './integrations/index.js';
import { RunResumer } from './jobs/index.js';
import { MappingService } from './mappings/index.js';
import type { Logger } from './observability/index.js';
import { RosterService } from './roster/index.js';
import { CredentialVault, createPathJail, loadCredentialKeys } from './security/index.js';
import { SyncService } from './sync/index.js';

/** The services of the product, without a port. */
export interface Services {
  integrationService: IntegrationService;
  mappingService: MappingService;
  rosterService: RosterService;
  connectorFactory: ConnectorFactory;
  credentialKeys: CredentialKeys;
  auditService: AuditService;
  refusals: Refusals;
  database: Database;
  /** What keeps the service from its work, a sentence each: the database does not answer, a disk is full. */
  obstacles(): Promise<string[]>;
  /** Whether nothing does. */
  ready(): Promise<boolean>;
  /** Finishes runs that were taken up, lets go of the others, and closes the database. */
  close(): Promise<void>;
}

export interface ServicesOptions {
  config: Config;
  logger: Logger;
  /** Connectors besides the built-in ones. */
  connectors?: readonly ConnectorDefinition[];
  /** Called when the embedded database dies on its own. */
  onFailure?: (error: Error) => void;
}

/** Connections to a PostgreSQL of its own. */
const POOL_SIZE = 20;
/** How long a process may be silent before another takes its runs over. */
const LEASE_SECONDS = 15;

/** Builds every part once, in order, and hands each what it needs. */
export async function buildServices({
  config,
  logger,
  connectors,
  onFailure,
}: ServicesOptions): Promise<Services> {
  const factory = new ConnectorFactory(undefined, connectors);
  const storage = await openDatabase(config, logger, onFailure);
  const { database } = storage;
  try {
    await migrate(database, logger).catch((error: unknown) => {
      throw config.databaseUrl ? explainUnusable(error, config.databaseUrl.reveal()) : error;
    });
    const vault = new CredentialVault(await loadCredentialKeys(config));
    const credentialKeys = new CredentialKeys(database, vault);
    const lostKeys = await credentialKeys.warning();
    if (lostKeys) logger.warn(lostKeys);
    const outbound = new Outbound({ allow: config.outboundAllow });
    const store = new IntegrationStore(database);
    const sessions = new ConnectorSessions({
      factory,
      vault,
      files: createPathJail(config.csvRoot),
      outbound,
      s3: config.s3,
      cursor: cursorsOf(database),
      memoryOf: (integrationId) => new StoredMemory(database, integrationId),
      logger,
    });
    const leases = new Leases({ database, logger, ttlSeconds: LEASE_SECONDS });
    const syncs = new SyncService({
      database,
      leases,
      logger,
      workOf: async (integrationId) => {
        const row = await store.row(integrationId);
        return syncWork(sessions, row, capabilitiesOf(factory.definition(row.provider), row.config));
      },
    });
    const attendance = new AttendanceService({ database, leases, timeZoneOf });
    const mappingService = new MappingService(database);
    const integrationService = new IntegrationService({
      store,
      factory,
      sessions,
      vault,
      syncs,
      mappings: mappingService,
      attendance,
    });
    if (storage.embedded) {
      await leases.clear();
    }
    const resumer = new RunResumer({ resume: () => integrationService.resumeAbandonedRuns(), logger });
    resumer.start();
    const obstacles = async () => {
      const found = await Promise.all([
        database.isReachable().then((is) => (is ? undefined : 'The database does not answer.')),
        lackOfRoom('DATA_DIR', config.dataDir),
        lackOfRoom('CSV_ROOT', config.csvRoot),
      ]);
      return found.filter((sentence) => sentence !== undefined);
    };
    return {
      integrationService,
      mappingService,
      rosterService: new RosterService(database),
      connectorFactory: factory,
      credentialKeys,
      auditService: new AuditService(database),
      refusals: new Refusals(database),
      database,
      obstacles,
      ready: async () => (await obstacles()).length === 0,
      async close() {
        await resumer.stop();
        await leases.abandon();
        outbound.close();
        await storage.close();
      },
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function openDatabase(config: Config, logger: Logger, onFailure?: (error: Error) => void) {
  if (config.databaseUrl) {
    const database = openServer(config.databaseUrl.reveal(), logger);
    return { database, embedded: false, close: () => database.close() };
  }
  const embedded = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    logger,
    ...(onFailure && { onFailure }),
  });
  const database = new Database({ connection: embedded.connection, poolSize: 1, embedded: true, logger });
  return {
    database,
    embedded: true,
    async close() {
      await database.close();
      await embedded.stop();
    },
  };
}

/** Nothing is asked of the server yet; but the address may name files, such as certificates. */
function openServer(connection: string, logger: Logger): Database {
  try {
    return new Database({ connection, poolSize: POOL_SIZE, embedded: false, logger });
  } catch (error) {
    throw explainUnusable(error, connection);
  }
}
