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
  type RecordIssue,
  type RecordSource,
  type S3Defaults,
  Secrets,
  type SyncResult,
} from '../connectors/index.js';
import { OwnFault } from '../errors.js';
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

/** A connector that is connected at the first call. What it throws or returns is free of its secrets. */
export interface ConnectorCall {
  <T>(work: (connector: Connector) => Promise<T>): Promise<T>;
  /**
   * The source of one entity type, or the mappings of a connector that writes its entities itself. `externalIds`:
   * of these alone, where the connector can read them one by one.
   */
  read(
    institutionId: string,
    entityType: MappingEntityType,
    externalIds?: readonly string[],
  ): Promise<RecordSource | SyncResult>;
}

interface OpenConnector {
  connector: Connector;
  config: Record<string, unknown>;
  credentials: Record<string, string>;
  secrets: Secrets;
  logger: Logger;
  /** What is thrown in place of what the connector threw: free of secrets, and a fault of ours as such. */
  thrown(error: unknown): unknown;
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
   * Connects, does `work`, disconnects whatever happens. What the connector throws or returns is free of its
   * secrets.
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
        throw opened.thrown(error);
      }
    };
    const clean = <R>(value: R) => opened?.secrets.clean(value) ?? value;
    const call: ConnectorCall = Object.assign(
      async <R>(work: (connector: Connector) => Promise<R>) => clean(await connected(work)),
      {
        async read(...of: Parameters<ConnectorCall['read']>) {
          const found = await connected((connector) => readEntities(connector, ...of));
          if (!('entities' in found)) return { ...found, errors: clean(found.errors) };
          return opened ? sourceOf(opened, found) : found;
        },
      },
    );
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
    const definition = this.#factory.definition(target.provider);
    const sealed = this.#vault.open(target.id, target.credentials);
    const { config, credentials } = checkSettings(definition, target.config, sealed);
    const secrets = new Secrets(Object.values(sealed));
    const logger = secrets.quiet(this.#logger.child({ integrationId: target.id, provider: target.provider }));
    const delivered = callbacks.delivered ?? refuse;
    const faults: OwnFault[] = [];
    const own = <T>(work: Promise<T>): Promise<T> =>
      work.catch((cause: unknown) => {
        faults.push(new OwnFault(cause));
        throw cause;
      });
    const memory = this.#memoryOf(target.id);
    const connector = definition.create({
      integrationId: target.id,
      institutionId: target.institutionId,
      timeZone: timeZoneOf(target.config),
      logger,
      signal,
      files: this.#files,
      http: (options) => this.#outbound.client({ ...options, signal, logger, secrets }),
      outbound: this.#outbound,
      secrets,
      memory: {
        recall: (...of) => own(memory.recall(...of)),
        remember: (...of) => own(memory.remember(...of)),
      },
      s3: this.#s3,
      cursor: (entityType) => own(this.#cursor(target.id, entityType)),
      // The ids are ours: a short credential may be a part of one.
      delivered: (outcomes) =>
        delivered(outcomes.map((outcome) => ({ ...outcome, reason: secrets.clean(outcome.reason) }))),
      handOutAgain: callbacks.handOutAgain ?? refuse,
      assertMaySend: callbacks.assertMaySend ?? refuse,
    });
    const thrown = (error: unknown) => faults[0] ?? secrets.clean(error);
    return { connector, config, credentials, secrets, logger, thrown };
  }
}

function refuse(): never {
  throw new ConnectorError('The connector was not asked for that by this operation.');
}

/** A source is read after its connector was called: what it says is free of secrets too. */
function sourceOf(opened: OpenConnector, source: RecordSource): RecordSource {
  const { entities, memberships, rowsAgain } = source;
  return {
    ...source,
    entities: pagesOf(opened, entities as Pages<never>),
    memberships: memberships && pagesOf(opened, memberships),
    rowsAgain: rowsAgain && ((...asked) => valuesOf(opened, rowsAgain(...asked))),
  };
}

/** Records are a school's own data; what is said about them may be its system's words. */
async function* pagesOf<R>(opened: OpenConnector, pages: Pages<R>): Pages<R> & AsyncGenerator {
  for await (const page of valuesOf(opened, pages)) {
    if ('issues' in page) for (const issue of page.issues ?? []) strikeOut(opened.secrets, issue);
    yield page;
  }
}

function strikeOut(secrets: Secrets, issue: RecordIssue): void {
  issue.problem = secrets.strike(issue.problem);
  if (issue.hint !== undefined) issue.hint = secrets.strike(issue.hint);
}

async function* valuesOf<T>({ thrown }: OpenConnector, values: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* values;
  } catch (error) {
    throw thrown(error);
  }
}
