import type { Readable } from 'node:stream';
import { GetObjectCommand, ListObjectsV2Command, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { ConnectorError } from '../connector-error.js';
import type { ConnectorContext } from '../sis-connector.js';
import type { CsvConfig, CsvCredentials } from './csv-config.js';
import type { CsvFile, CsvFolder } from './csv-file.js';
import { createRetryStrategy } from './s3-retry.js';
import { tellOfExchanges } from './s3-told.js';

/** An object, as a list shows it. */
interface Listed {
  key: string;
  name: string;
  etag: string;
  size: number;
  modifiedAt: Date;
}

/** The files of one folder under the prefix. */
interface FileSet {
  /** The folder, below the prefix; empty for the prefix itself. */
  folder: string;
  /** By the name that was asked for, in the spelling that goes before the others. */
  files: ReadonlyMap<string, Listed>;
  /** All that one of the names may stand for, by what they are called. */
  objects: ReadonlyMap<string, Listed>;
  /** Of its newest file. */
  modifiedAt: Date;
}

/** What was found under the prefix. */
export interface ChosenSet extends CsvFolder {
  /** The folder that is read, as a person would name it. */
  title: string;
  /** Why a newer one is not read; undefined when this is the newest. */
  passedOver: string | undefined;
}

/** More keys than this under one prefix are not one school's files. */
const MOST_KEYS = 100_000;
/** How often a reading is taken up again. */
const MOST_BREAKS = 3;
/** The smallest part that S3 takes. */
const PART_BYTES = 5 * 1024 * 1024;

/** One bucket, by way of the guarded connections. */
export class S3Bucket {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #signal: AbortSignal;

  constructor({
    context,
    config,
    credentials,
  }: { context: ConnectorContext; config: CsvConfig; credentials: CsvCredentials }) {
    const { awsAccessKey, awsSecretKey } = credentials;
    const endpoint = config.s3Endpoint ?? context.s3.endpoint;
    const hasOwnKeys = awsAccessKey && awsSecretKey;
    if (!hasOwnKeys && endpoint !== context.s3.endpoint) throw foreignEndpoint();
    this.#bucket = config.s3Bucket ?? '';
    this.#prefix = config.s3Prefix === '' ? '' : `${config.s3Prefix.replace(/^\/+|\/+$/g, '')}/`;
    this.#signal = context.signal;
    this.#client = new S3Client({
      region: config.s3Region,
      ...(endpoint && { endpoint }),
      forcePathStyle: config.s3ForcePathStyle ?? context.s3.forcePathStyle,
      // Without keys the SDK looks where the operator keeps them: environment, profile, role of the machine.
      ...(hasOwnKeys && { credentials: { accessKeyId: awsAccessKey, secretAccessKey: awsSecretKey } }),
      retryStrategy: createRetryStrategy(context),
      requestHandler: {
        httpAgent: context.outbound.agents.http,
        httpsAgent: context.outbound.agents.https,
        requestTimeout: config.timeout,
        socketTimeout: config.timeout,
        throwOnRequestTimeout: true,
      },
    });
    tellOfExchanges(this.#client);
  }

  /**
   * The newest complete set: a folder under the prefix that has every file which any of them has. Its objects
   * are pinned by their ETags. `spellingsOf`: what else a name may be spelled like, the best first. Throws
   * ConnectorError when there is none.
   */
  async newestSet(
    names: readonly string[],
    spellingsOf: (name: string) => readonly string[] = (name) => [name, `${name}.gz`],
  ): Promise<ChosenSet> {
    const wantedBy = new Map(
      names.flatMap((name) => spellingsOf(name).map((spelling, rank) => [spelling, { name, rank }])),
    );
    const sets = toSets(await this.#list(), wantedBy, this.#prefix);
    if (sets.length === 0) {
      throw new ConnectorError(
        `There is none of ${names.join(', ')} in bucket ${this.#bucket} under "${this.#prefix}".`,
      );
    }
    const wanted = new Set(sets.flatMap(({ files }) => [...files.keys()]));
    const complete = sets.find(({ files }) => files.size === wanted.size);
    // Where none has them all, the newest is as good as any.
    const chosen = complete ?? (sets[0] as FileSet);
    const newest = sets[0] as FileSet;
    const missing = [...wanted].filter((name) => !newest.files.has(name));
    const title = (set: FileSet) => `s3://${this.#bucket}/${this.#prefix}${set.folder}`;
    return {
      title: title(chosen),
      passedOver:
        chosen === newest ? undefined : `${title(newest)} is newer, but lacks ${missing.join(', ')}`,
      open: async (name) => {
        const listed = chosen.objects.get(name);
        return listed && this.#file(listed);
      },
    };
  }

  /** Puts an object there, in parts when it is large. Returns its name as a person would write it. */
  async upload(name: string, content: string): Promise<string> {
    const Key = `${this.#prefix}${name}`;
    const upload = new Upload({
      client: this.#client,
      params: {
        Bucket: this.#bucket,
        Key,
        Body: Buffer.from(content),
        ContentType: 'text/csv; charset=utf-8',
      },
      partSize: PART_BYTES,
    });
    const abort = () => void upload.abort();
    this.#signal.addEventListener('abort', abort, { once: true });
    try {
      await upload.done();
    } catch (error) {
      throw this.#explain(error, name);
    } finally {
      this.#signal.removeEventListener('abort', abort);
    }
    return `s3://${this.#bucket}/${Key}`;
  }

  async #list(): Promise<Listed[]> {
    const found: Listed[] = [];
    let token: string | undefined;
    do {
      const input = { Bucket: this.#bucket, Prefix: this.#prefix, ContinuationToken: token };
      const page = await this.#client
        .send(new ListObjectsV2Command(input), { abortSignal: this.#signal })
        .catch((error) => {
          throw this.#explain(error, `the list of "${this.#prefix}"`);
        });
      for (const { Key: key, ETag: etag, Size: size = 0, LastModified: modifiedAt } of page.Contents ?? []) {
        if (key && etag && modifiedAt)
          found.push({ key, name: key.slice(key.lastIndexOf('/') + 1), etag, size, modifiedAt });
      }
      token = page.NextContinuationToken;
      if (found.length > MOST_KEYS) {
        throw new ConnectorError(
          `There are more than ${MOST_KEYS.toLocaleString('en')} objects under "${this.#prefix}". Set config.s3Prefix to the folder with the school's files.`,
        );
      }
    } while (token);
    return found;
  }

  #file({ key, name, etag, size, modifiedAt }: Listed): CsvFile {
    return {
      name,
      sizeBytes: size,
      modifiedAt,
      read: () => this.#read(key, name, etag, size),
      close: async () => {},
    };
  }

  /**
   * The bytes of one version of an object. A connection that breaks in the middle is taken up where it broke.
   */
  async *#read(key: string, name: string, etag: string, size: number): AsyncGenerator<Buffer> {
    let at = 0;
    for (let breaks = 0; at < size; ) {
      try {
        const range = at > 0 ? { Range: `bytes=${at}-` } : {};
        const get = new GetObjectCommand({ Bucket: this.#bucket, Key: key, IfMatch: etag, ...range });
        const { Body } = await this.#client.send(get, { abortSignal: this.#signal });
        for await (const chunk of Body as Readable) {
          at += (chunk as Buffer).length;
          yield chunk as Buffer;
        }
        if (at < size) throw new Error('the object ended early');
      } catch (error) {
        breaks += 1;
        if (error instanceof S3ServiceException || this.#signal.aborted || breaks > MOST_BREAKS)
          throw this.#explain(error, name);
      }
    }
    if (at !== size)
      throw new ConnectorError(`${name} came with ${at} of ${size} bytes. Nothing was changed; sync again.`);
  }

  #explain(error: unknown, what: string): unknown {
    if (this.#signal.aborted) return this.#signal.reason;
    if (error instanceof ConnectorError || !(error instanceof Error)) return error;
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    const code = (error as NodeJS.ErrnoException).code ?? error.name;
    const say = (text: string) => new ConnectorError(text, { cause: error });
    if (status === 412) return say(`${what} changed while it was read. Sync again when it is whole.`);
    switch (error.name) {
      case 'NoSuchBucket':
        return say(`There is no bucket ${this.#bucket}. Correct config.s3Bucket or config.s3Endpoint.`);
      case 'NoSuchKey':
        return say(`${what} was removed while it was read. Sync again when the files are whole.`);
      case 'InvalidAccessKeyId':
      case 'SignatureDoesNotMatch':
        return say(
          `S3 refused the keys (${error.name}). Check credentials.awsAccessKey and awsSecretKey, and config.s3Region.`,
        );
      case 'AccessDenied':
        return say(
          `S3 does not let these keys read ${what} in bucket ${this.#bucket} (AccessDenied). They need s3:ListBucket, s3:GetObject and, for attendance, s3:PutObject.`,
        );
      case 'CredentialsProviderError':
        return say(
          'There are no AWS keys: neither in the credentials nor in the environment of the service.',
        );
      case 'PermanentRedirect':
        return say(`The bucket ${this.#bucket} is in another region. Correct config.s3Region.`);
    }
    if (code === 'EADDRESSREFUSED') {
      return say(
        'config.s3Endpoint is a private address, which connectors may not reach. The operator can open it in OUTBOUND_ALLOW.',
      );
    }
    return say(
      `S3 failed with ${what} (${code}${status ? `, ${status}` : ''}). Nothing was changed; try again later.`,
    );
  }
}

/** What the service signs with its own keys would let whoever runs that address use them. */
function foreignEndpoint(): ConnectorError {
  return new ConnectorError(
    "config.s3Endpoint needs keys of its own: set credentials.awsAccessKey and awsSecretKey. The service's keys go to the S3 that its operator sets as S3_ENDPOINT, and nowhere else.",
  );
}

/** What an object stands for: the name that was asked for, and how many spellings go before its own. */
type Wanted = ReadonlyMap<string, { name: string; rank: number }>;

/** The folders that hold any of the files, the newest first. */
function toSets(listed: readonly Listed[], wantedBy: Wanted, prefix: string): FileSet[] {
  const folders = new Map<string, Map<string, Listed>>();
  for (const object of listed) {
    if (!wantedBy.has(object.name) || object.key.endsWith('/')) continue;
    const folder = object.key.slice(prefix.length, object.key.length - object.name.length);
    const objects = folders.get(folder) ?? new Map<string, Listed>();
    folders.set(folder, objects.set(object.name, object));
  }
  const sets = [...folders].map(([folder, objects]) => {
    const files = chooseSpellings(objects, wantedBy);
    const times = [...files.values()].map(({ modifiedAt }) => modifiedAt.getTime());
    return { folder, files, objects, modifiedAt: new Date(Math.max(...times)) };
  });
  return sets.sort(
    (a, b) => b.modifiedAt.getTime() - a.modifiedAt.getTime() || (a.folder < b.folder ? 1 : -1),
  );
}

/** By the name that was asked for, the file that counts where several spellings of it stand beside one another. */
function chooseSpellings(objects: ReadonlyMap<string, Listed>, wantedBy: Wanted): Map<string, Listed> {
  const files = new Map<string, Listed>();
  const ranks = new Map<string, number>();
  for (const object of objects.values()) {
    const { name, rank } = wantedBy.get(object.name) as { name: string; rank: number };
    if (rank >= (ranks.get(name) ?? Number.POSITIVE_INFINITY)) continue;
    ranks.set(name, rank);
    files.set(name, object);
  }
  return files;
}
