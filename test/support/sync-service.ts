import type { MappingEntityType, RecordSource, SyncResult } from '../../src/connectors/index.js';
import { type Database, Leases } from '../../src/database/index.js';
import { createLogger } from '../../src/observability/index.js';
import { type SyncPolicy, SyncService, syncPolicy } from '../../src/sync/index.js';

/** Syncs of school systems that are a function: it is asked for a new source at every read. */
export function syncServiceOf(
  database: Database,
  source: (
    entityType: MappingEntityType,
    integrationId: string,
  ) => RecordSource | SyncResult | Promise<RecordSource>,
  {
    entityTypes = [],
    ttlSeconds = 15,
    policy = () => syncPolicy.parse({}),
  }: {
    entityTypes?: readonly MappingEntityType[];
    ttlSeconds?: number;
    policy?: (integrationId: string) => SyncPolicy;
  } = {},
): SyncService {
  const logger = createLogger({ level: 'silent' });
  return new SyncService({
    database,
    logger,
    leases: new Leases({ database, logger, ttlSeconds }),
    providerOf: async () => 'TEST',
    workOf: async (integrationId) => ({
      entityTypes,
      policy: policy(integrationId),
      open: (_signal, use) => use(async (entityType) => source(entityType, integrationId)),
    }),
  });
}
