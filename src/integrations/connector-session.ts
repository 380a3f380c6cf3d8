import {
  type ConfinedFiles,
  type Connector,
  type ConnectorContext,
  ConnectorError,
  type ConnectorFactory,
  type ConnectorMemory,
  type MappingEntityType,
  type Outbound,
  type Pages,
  type RecordSource,
  type S3Defaults,
  type SyncResult,
} from '../connectors/index.js';
import type { Logger } from '../observability/index.js';
import { checkSettings, timeZoneOf } from './check-settings.js';
import { readEntities } from './read-entities.js';
import type { FindCursor } from './reading-cursor.js';

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

/** What an operation hands to the connector it opens. */
export interface SessionOptions {
  /** Stops the connector before the operation is over. */
  signal?: AbortSignal;
  /** Takes what became of marks while they are being sent. */
  delivered?: ConnectorContext['delivered'];
  handOutAgain?: ConnectorContext['handOutAgain'];
  assertMaySend?: ConnectorContext['assertMaySend'];
}

/** A connector that is connected at the first call. What it throws has the secrets struck out of it. */
export interface ConnectorCall {
  <T>(work: (connector: Connector) => Promise<T>): Promise<T>;
  /** The source of one entity type, or the mappings of a connector that writes its entities itself. */
  read(entityType: MappingEntityType, institutionId: string): Promise<RecordSource | SyncResult>;
}

interface OpenConnector {
  connector: Connector;
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
  readonly #cursor: FindCursor;
  readonly #memoryOf: (integrationId: string) => ConnectorMemory;
  readonly #logger: Logger;

  constructor(parts: {
    factory: ConnectorFactory;
    vault: CredentialOpener;
    files: ConfinedFiles;
    outbound: Outbound;
    s3: S3Defaults;
    cursor: FindCursor;
    memoryOf: (integrationId: string) => ConnectorMemory;
    logger: Logger;
  }) {
    this.#factory = parts.factory;
    this.#vault = parts.vault;
    this.#files = parts.files;
    this.#outbound = parts.outbound;
    this.#s3 = parts.s3;
    this.#cursor = parts.cursor;
    this.#memoryOf = parts.memoryOf;
    this.#logger = parts.logger;
  }

  /**
   * Connects, does `work`, disconnects whatever happens. What the connector throws has the secrets struck out
   * of it.
   */
  async run<T>(
    target: ConnectorTarget,
    work: (connector: Connector) => Promise<T>,
    options: SessionOptions = {},
  ): Promise<T> {
    return this.open(target, options, (call) => call(work));
  }

  /** The same for several calls of one connector, which may then read once what serves them all. */
  async open<T>(
    target: ConnectorTarget,
    options: SessionOptions,
    use: (call: ConnectorCall) => Promise<T>,
  ): Promise<T> {
    const abort = new AbortController();
    const signal = options.signal ? AbortSignal.any([abort.signal, options.signal]) : abort.signal;
    let opened: OpenConnector | undefined;
    const connected = async <R>(work: (connector: Connector) => Promise<R>): Promise<R> => {
      const isFirst = !opened;
      opened ??= this.#make(target, { ...options, signal });
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
    const call: ConnectorCall = Object.assign(connected, {
      async read(entityType: MappingEntityType, institutionId: string) {
        const found = await connected((connector) => readEntities(connector, entityType, institutionId));
        return 'entities' in found
          ? sourceWithoutSecrets(found, Object.values(opened?.credentials ?? {}))
          : found;
      },
    });
    try {
      return await use(call);
    } finally {
      abort.abort();
      const { connector, logger } = opened ?? {};
      await connector
        ?.disconnect()
        .catch((error: unknown) => logger?.warn({ err: error }, 'disconnect failed'));
    }
  }

  #make(
    target: ConnectorTarget,
    { signal, ...callbacks }: SessionOptions & { signal: AbortSignal },
  ): OpenConnector {
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
      memory: this.#memoryOf(target.id),
      s3: this.#s3,
      cursor: (entityType) => this.#cursor(target.id, entityType),
      delivered: callbacks.delivered ?? refuse,
      handOutAgain: callbacks.handOutAgain ?? refuse,
      assertMaySend: callbacks.assertMaySend ?? refuse,
    });
    return { connector, config, credentials, logger };
  }
}

function refuse(): never {
  throw new ConnectorError('The connector was not asked for that by this operation.');
}

/** A source is read after its connector was called: its errors too are free of secrets. */
function sourceWithoutSecrets(source: RecordSource, secrets: string[]): RecordSource {
  const { entities, memberships } = source;
  return {
    ...source,
    entities: pagesWithoutSecrets(entities as Pages<never>, secrets),
    memberships: memberships && pagesWithoutSecrets(memberships, secrets),
  };
}

async function* pagesWithoutSecrets<R>(pages: Pages<R>, secrets: string[]): Pages<R> & AsyncGenerator {
  try {
    yield* pages;
  } catch (error) {
    throw withoutSecrets(error, secrets);
  }
}

/** A connector may put a URL or a header into its error: values of credentials never leave. */
function withoutSecrets(error: unknown, secrets: string[]): unknown {
  if (!(error instanceof Error)) return error;
  for (const secret of secrets) {
    if (secret.length >= 4) error.message = error.message.replaceAll(secret, '***');
  }
  return error;
}
