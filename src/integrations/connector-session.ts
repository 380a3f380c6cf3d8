import {
  type ConfinedFiles,
  type ConnectorContext,
  ConnectorError,
  type ConnectorFactory,
  type Outbound,
  type RecordSource,
  type S3Defaults,
  type SISConnector,
  type SyncResult,
} from '../connectors/index.js';
import type { Logger } from '../observability/index.js';
import { checkSettings, timeZoneOf } from './check-settings.js';

/** Opens sealed credentials. They leave it only to be handed to a connector's `connect`. */
export interface CredentialOpener {
  open(integrationId: string, sealed: string): Record<string, string>;
}

/** The stored integration that a connector is made for. */
export interface ConnectorTarget {
  id: string;
  institutionId: string;
  provider: string;
  config: Record<string, unknown>;
  /** Sealed. */
  credentials: string;
}

/** Where a connector brings what it read, and says what became of what it sent. */
export interface SessionDoors {
  sync?: (source: RecordSource) => Promise<SyncResult>;
  delivered?: ConnectorContext['delivered'];
  handOutAgain?: ConnectorContext['handOutAgain'];
  assertMaySend?: ConnectorContext['assertMaySend'];
  /** Stops the connector before the operation is over. */
  signal?: AbortSignal;
}

/** Does something with a connector that is connected. */
export type ConnectorCall = <T>(work: (connector: SISConnector) => Promise<T>) => Promise<T>;

interface OpenConnector {
  connector: SISConnector;
  config: Record<string, unknown>;
  credentials: Record<string, string>;
  logger: Logger;
}

/** Makes connectors, and opens and closes them around one operation. */
export class ConnectorSessions {
  readonly #factory: ConnectorFactory;
  readonly #vault: CredentialOpener;
  readonly #files: ConfinedFiles;
  readonly #outbound: Outbound;
  readonly #s3: S3Defaults;
  readonly #logger: Logger;

  constructor(parts: {
    factory: ConnectorFactory;
    vault: CredentialOpener;
    files: ConfinedFiles;
    outbound: Outbound;
    s3: S3Defaults;
    logger: Logger;
  }) {
    this.#factory = parts.factory;
    this.#vault = parts.vault;
    this.#files = parts.files;
    this.#outbound = parts.outbound;
    this.#s3 = parts.s3;
    this.#logger = parts.logger;
  }

  /** Connects, does `work`, disconnects whatever happens. What the connector throws has the secrets struck out of it. */
  async run<T>(target: ConnectorTarget, work: (connector: SISConnector) => Promise<T>, doors: SessionDoors = {}): Promise<T> {
    return this.open(target, (call) => call(work), doors);
  }

  /**
   * The same for several calls of one connector, which may then read once what serves them all. It is made and connected
   * at the first call; each call strikes out the secrets.
   */
  async open<T>(target: ConnectorTarget, use: (call: ConnectorCall) => Promise<T>, doors: SessionDoors = {}): Promise<T> {
    const abort = new AbortController();
    let opened: OpenConnector | undefined;
    const call: ConnectorCall = async (work) => {
      const isFirst = !opened;
      const signal = doors.signal ? AbortSignal.any([abort.signal, doors.signal]) : abort.signal;
      opened ??= this.#make(target, signal, doors);
      const { connector, config, credentials } = opened;
      try {
        if (isFirst && !(await connector.connect(config, credentials))) {
          throw new ConnectorError('The school system refused the connection.');
        }
        return await work(connector);
      } catch (error) {
        throw withoutSecrets(error, Object.values(credentials));
      }
    };
    try {
      return await use(call);
    } finally {
      abort.abort();
      const { connector, logger } = opened ?? {};
      await connector?.disconnect().catch((error: unknown) => logger?.warn({ err: error }, 'disconnect failed'));
    }
  }

  #make(target: ConnectorTarget, signal: AbortSignal, doors: SessionDoors): OpenConnector {
    const logger = this.#logger.child({ integrationId: target.id, provider: target.provider });
    const definition = this.#factory.definition(target.provider);
    const sealed = this.#vault.open(target.id, target.credentials);
    const { config, credentials } = checkSettings(definition, target.config, sealed);
    const connector = definition.create({
      integrationId: target.id,
      institutionId: target.institutionId,
      timeZone: timeZoneOf(target.config),
      logger,
      signal,
      files: this.#files,
      http: (options) => this.#outbound.client({ ...options, signal, logger }),
      outbound: this.#outbound,
      s3: this.#s3,
      delivered: doors.delivered ?? refuse,
      handOutAgain: doors.handOutAgain ?? refuse,
      assertMaySend: doors.assertMaySend ?? refuse,
      sync: (_entityType, source) => (doors.sync ?? refuse)(source),
    });
    return { connector, config, credentials, logger };
  }
}

function refuse(): never {
  throw new ConnectorError('The connector was not asked for that by this operation.');
}

/** A connector may put a URL or a header into its error: values of credentials never leave. */
function withoutSecrets(error: unknown, secrets: string[]): unknown {
  if (!(error instanceof Error)) return error;
  for (const secret of secrets) {
    if (secret.length >= 4) error.message = error.message.replaceAll(secret, '***');
  }
  return error;
}
