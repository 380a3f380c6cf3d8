import { pino } from 'pino';
import type { Connector, ConnectorDefinition } from '../connector-definition.js';
import { ConnectorError } from '../connector-error.js';
import { Outbound } from '../http/index.js';
import type { MappingEntityType } from '../mapping-entity-type.js';
import { RosterConnector } from '../roster-connector.js';
import { Secrets } from '../secrets.js';
import type { ConfinedFiles, ConnectorContext, DeliveryOutcome, RecordSource } from '../sis-connector.js';
import { FaultServer } from './fault-server.js';
import { type Reading, readWhole } from './reading.js';
import type { Simulate, Simulation } from './simulation.js';
import { VolatileMemory } from './volatile-memory.js';

/** One simulation with its server, and connectors that are opened on it. */
export interface KitSession {
  simulation: Simulation;
  server: FaultServer;
  /** Where it is. */
  url: string;
  /** Milliseconds that were asked to be waited, instead of being waited. */
  waits: number[];
  /** What connectors said of marks. */
  outcomes: DeliveryOutcome[];
  /** Stops what is under way. */
  abort(): void;
  /** Connects, does `work`, and disconnects. */
  connected<T>(work: (connector: Connector) => Promise<T>): Promise<T>;
  /** Reads all of an entity type as a sync would. */
  read(entityType: MappingEntityType): Promise<Reading>;
  create(): { connector: Connector; config: Record<string, unknown>; credentials: Record<string, string> };
}

const noFolder = (path: string) =>
  Promise.reject(new ConnectorError(`"${path}" lies outside: this simulation has no files.`));
const NO_FILES: ConfinedFiles = {
  folder: noFolder,
  requireInside: noFolder,
  makeFolder: noFolder,
  open: async () => undefined,
  list: async () => [],
  sweep: async () => 0,
  stage: () => Promise.reject(new ConnectorError('This simulation has no files.')),
  replace: () => Promise.reject(new ConnectorError('This simulation has no files.')),
  rename: () => Promise.reject(new ConnectorError('This simulation has no files.')),
  remove: () => Promise.reject(new ConnectorError('This simulation has no files.')),
};

/** Opens a simulation for one case, and closes it again. */
export async function withSession<T>(
  definition: ConnectorDefinition,
  simulate: Simulate,
  work: (session: KitSession) => Promise<T>,
  timeoutMs = 10_000,
): Promise<T> {
  const simulation = await simulate();
  const server = new FaultServer(
    simulation.handle ?? ((_request, response) => response.writeHead(404).end()),
  );
  const url = await server.listen();
  const waits: number[] = [];
  const outcomes: DeliveryOutcome[] = [];
  const abort = new AbortController();
  const outbound = new Outbound({
    allow: ['127.0.0.1'],
    wait: async (ms, signal) => {
      signal.throwIfAborted();
      waits.push(ms);
    },
  });
  const logger = pino({ level: 'silent' });
  const secrets = new Secrets();
  const context: ConnectorContext = {
    integrationId: '00000000-0000-4000-8000-000000000001',
    institutionId: '00000000-0000-4000-8000-000000000002',
    timeZone: 'America/Santiago',
    logger,
    signal: abort.signal,
    files: simulation.files ?? NO_FILES,
    http: (options) => outbound.client({ ...options, signal: abort.signal, logger, secrets }),
    outbound,
    secrets,
    memory: new VolatileMemory(),
    s3: { endpoint: undefined, forcePathStyle: true },
    cursor: () => Promise.resolve(undefined),
    delivered: async (list) => void outcomes.push(...list),
    handOutAgain: () => Promise.resolve(),
    assertMaySend: () => abort.signal.throwIfAborted(),
  };
  const session: KitSession = {
    simulation,
    server,
    url,
    waits,
    outcomes,
    abort: () => abort.abort(),
    create() {
      const { config, credentials } = simulation.settings(url, timeoutMs);
      const parsed = {
        config: definition.config.parse(config),
        credentials: definition.credentials.parse(credentials),
      };
      return {
        connector: definition.create(context),
        ...(parsed as { config: object; credentials: object }),
      } as ReturnType<KitSession['create']>;
    },
    async connected(use) {
      const { connector, config, credentials } = session.create();
      try {
        if (!(await connector.connect(config, credentials)))
          throw new ConnectorError('The system refused the connection.');
        return await use(connector);
      } finally {
        await connector.disconnect();
      }
    },
    async read(entityType) {
      return session.connected((connector) => readWhole(sourceOf(connector, entityType)));
    },
  };
  try {
    return await work(session);
  } finally {
    await server.close();
    outbound.close();
    await simulation.close?.();
  }
}

function sourceOf(connector: Connector, entityType: MappingEntityType): RecordSource {
  const source = connector instanceof RosterConnector ? connector.source(entityType) : undefined;
  if (!source) throw new Error(`the connector declares ${entityType} and does not read it`);
  return source;
}
