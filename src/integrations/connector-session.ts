import {
  type ConfinedFiles,
  ConnectorError,
  type ConnectorFactory,
  type RecordSource,
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

/** What a connector asks for when it takes its records through the corridor. */
export type SyncDoor = (source: RecordSource) => Promise<SyncResult>;

/** Makes connectors, and opens and closes them around one operation. */
export class ConnectorSessions {
  readonly #factory: ConnectorFactory;
  readonly #vault: CredentialOpener;
  readonly #files: ConfinedFiles;
  readonly #logger: Logger;

  constructor(parts: { factory: ConnectorFactory; vault: CredentialOpener; files: ConfinedFiles; logger: Logger }) {
    this.#factory = parts.factory;
    this.#vault = parts.vault;
    this.#files = parts.files;
    this.#logger = parts.logger;
  }

  /** Connects, does `work`, disconnects whatever happens. What the connector throws has the secrets struck out of it. */
  async run<T>(target: ConnectorTarget, work: (connector: SISConnector) => Promise<T>, sync: SyncDoor = refuseSync): Promise<T> {
    const logger = this.#logger.child({ integrationId: target.id, provider: target.provider });
    const definition = this.#factory.definition(target.provider);
    const sealed = this.#vault.open(target.id, target.credentials);
    const { config, credentials } = checkSettings(definition, target.config, sealed);
    const abort = new AbortController();
    const connector = definition.create({
      integrationId: target.id,
      institutionId: target.institutionId,
      timeZone: timeZoneOf(target.config),
      logger,
      signal: abort.signal,
      files: this.#files,
      sync: (_entityType, source) => sync(source),
    });
    try {
      if (!(await connector.connect(config, credentials))) throw new ConnectorError('The school system refused the connection.');
      return await work(connector);
    } catch (error) {
      throw withoutSecrets(error, Object.values(credentials));
    } finally {
      abort.abort();
      await connector.disconnect().catch((error: unknown) => logger.warn({ err: error }, 'disconnect failed'));
    }
  }
}

function refuseSync(): never {
  throw new ConnectorError('This operation does not sync.');
}

/** A connector may put a URL or a header into its error: values of credentials never leave. */
function withoutSecrets(error: unknown, secrets: string[]): unknown {
  if (!(error instanceof Error)) return error;
  for (const secret of secrets) {
    if (secret.length >= 4) error.message = error.message.replaceAll(secret, '***');
  }
  return error;
}
