import {
  type ConfinedFiles,
  type ConnectorDefinition,
  ConnectorError,
  type ConnectorFactory,
  RosterConnector,
  type TakenFile,
} from '../connectors/index.js';
import { ServiceError, throwOwnFault } from '../errors.js';
import type { Page } from '../paging.js';
import type { ConnectorSessions, ConnectorTarget } from './connector-session.js';
import type { Integration } from './integration.js';
import type { IntegrationStore } from './integration-store.js';

/** A file that somebody uploads for an integration. */
export interface FileUpload {
  fileName: string;
  /** What it holds, for example "students"; undefined: its name says so. */
  list?: string | undefined;
  /** Whether to tell how it would be understood, and keep nothing. Default: false. */
  validateOnly?: boolean | undefined;
  content: AsyncIterable<Uint8Array>;
}

const MIB = 1024 * 1024;
const MOST_BYTES = 50 * MIB;
/** Nobody writes a file, or looks at one that was written, for so long. */
const WRITTEN_FOR_MS = 60 * 60 * 1_000;

/** Takes files for integrations whose connectors read such. */
export class FileUploads {
  constructor(
    private readonly parts: {
      store: IntegrationStore;
      factory: ConnectorFactory;
      sessions: ConnectorSessions;
      files: ConfinedFiles;
    },
  ) {}

  /**
   * Throws `failed_precondition` where the integration takes no files, `invalid_argument` for one that cannot be
   * read, `resource_exhausted` for one that is too large.
   */
  async upload(id: string, { fileName, list, validateOnly, content }: FileUpload): Promise<TakenFile> {
    const { store, sessions } = this.parts;
    const row = await store.row(id);
    const takes = this.#takesFiles(row);
    if (takes !== true) throw new ServiceError('failed_precondition', takes, { reason: 'FILES_NOT_TAKEN' });
    try {
      return await sessions.run(
        row,
        (connector) =>
          asRoster(connector).takeFile?.({
            name: fileName,
            list,
            validateOnly: validateOnly ?? false,
            content: bounded(content),
            keep: ({ name, sizeBytes, sha256 }, place) =>
              store.keepFile(id, { file: name, sizeBytes, sha256 }, place),
          }) as Promise<TakenFile>,
      );
    } catch (error) {
      throw refused(error);
    }
  }

  /** Removes what was uploaded for an integration. Throws `failed_precondition` where a file cannot be removed. */
  async forget({ provider, id }: ConnectorTarget): Promise<void> {
    const of = { files: this.parts.files, integrationId: id };
    try {
      await this.parts.factory.definition(provider).forgetFiles?.(of);
    } catch (error) {
      if (!(error instanceof ConnectorError)) throw error;
      const reason = 'FILES_NOT_REMOVED';
      throw new ServiceError('failed_precondition', error.message, { reason, cause: error });
    }
  }

  /**
   * Removes what processes that died while they wrote a file left, once nobody can be writing it any more. Returns
   * how many files went. What cannot be looked at is left to the next time.
   */
  async sweep(): Promise<number> {
    const { factory, files } = this.parts;
    const folders = new Set<string>();
    for (const definition of factory.list())
      for await (const folder of this.#foldersWritten(definition)) folders.add(folder);
    const before = new Date(Date.now() - WRITTEN_FOR_MS);
    let swept = 0;
    for (const folder of folders)
      swept += await files.sweep(folder, before).catch((error: unknown) => {
        // Settings may name a folder that is none, or lies outside by now.
        if (error instanceof ConnectorError) return 0;
        throw error;
      });
    return swept;
  }

  async *#foldersWritten({ provider, foldersWritten }: ConnectorDefinition): AsyncGenerator<string> {
    if (!foldersWritten) return;
    const { files, store } = this.parts;
    yield* await foldersWritten(files, undefined);
    for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
      const page: Page<Integration> = await store.list({ provider, pageSize: 500, pageToken });
      for (const { config } of page.items) yield* await foldersWritten(files, config);
      pageToken = page.nextPageToken;
    }
  }

  #takesFiles({ provider, config }: ConnectorTarget): true | string {
    const definition = this.parts.factory.definition(provider);
    return definition.takesFiles?.(config) ?? `Integrations of ${provider} take no files.`;
  }
}

function asRoster(connector: unknown): Partial<RosterConnector<unknown>> {
  return connector instanceof RosterConnector ? connector : {};
}

async function* bounded(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES)
      throw new ServiceError('resource_exhausted', `The file is larger than ${MOST_BYTES / MIB} MiB.`, {
        reason: 'BODY_TOO_LARGE',
      });
    yield chunk;
  }
}

/** What the connector says of a file is the caller's to hear; all else is a fault of ours. */
function refused(error: unknown): unknown {
  throwOwnFault(error);
  if (!(error instanceof ConnectorError)) return error;
  return new ServiceError('invalid_argument', error.message, {
    reason: 'FILE_REFUSED',
    violations: [{ field: 'file', description: error.message }],
    cause: error,
  });
}
