import { join, resolve } from 'node:path';
import { z } from 'zod';
import { areKeys, type Config, ConfigError, loadConfig, Secret } from './config.js';
import type { ConnectorDefinition } from './connectors/index.js';
import { isAllowEntry, webAddress } from './connectors/index.js';
import type { Logger } from './observability/index.js';

/** What `createIntegrations` takes. An empty text is the same as none. */
export interface IntegrationsOptions {
  /** Folder for everything the library keeps itself; the embedded database too. Default ./data. */
  dataDir?: string | undefined;
  /** PostgreSQL to work on, instead of the embedded one: `postgres://user:password@host:5432/database`. */
  databaseUrl?: string | undefined;
  /**
   * `id:base64 of 32 bytes,…`: keys that seal stored credentials; the first seals. Default: a key file under
   * dataDir.
   */
  credentialKeys?: string | undefined;
  /** The only folder that connectors may read and write files in. Default dataDir/files. */
  csvRoot?: string | undefined;
  /** Connectors besides the built-in ones. Each has a provider name of its own, in capitals: `ACME`. */
  connectors?: readonly ConnectorDefinition[] | undefined;
  /**
   * Private hosts, addresses and ranges that connectors may call. Default: private networks, never cloud
   * metadata.
   */
  outboundAllow?: readonly string[] | undefined;
  /** The S3 service that CSV integrations use unless their config names another. Default: AWS. */
  s3?: { endpoint?: string | undefined; forcePathStyle?: boolean | undefined } | undefined;
  /** How many syncs this process does at once; 0: none, other processes do them. Default 2. */
  workers?: number | undefined;
  /** Where the library logs. Default: JSON lines on standard output. */
  logger?: Logger | undefined;
  /** Level of the default logger. Default warn. */
  logLevel?: Config['logLevel'] | undefined;
  /** Called when the embedded database dies on its own. Default: the next call fails. */
  onFailure?: ((error: Error) => void) | undefined;
}

const text = z.string().transform((value) => value || undefined);
const options = z.strictObject({
  dataDir: text.optional(),
  databaseUrl: text
    .refine(
      (url) => url === undefined || /^postgres(ql)?:\/\/./.test(url),
      'must look like postgres://user:password@host:5432/database',
    )
    .optional(),
  credentialKeys: text
    .refine(
      (keys) => keys === undefined || areKeys(keys),
      'must be id:key pairs, comma separated, each key base64 of 32 bytes',
    )
    .optional(),
  csvRoot: text.optional(),
  connectors: z
    .array(
      z.looseObject({
        provider: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be capitals, digits and underscores'),
        create: z.custom((value) => typeof value === 'function', 'must be a function'),
      }),
    )
    .optional(),
  outboundAllow: z
    .array(z.string().refine(isAllowEntry, 'must be a host name, an address or a range such as 10.1.0.0/16'))
    .optional(),
  s3: z
    .strictObject({
      endpoint: webAddress('an address such as https://s3.example.com').optional(),
      forcePathStyle: z.boolean().optional(),
    })
    .optional(),
  workers: z
    .int('must be a whole number')
    .min(0, 'must be 0 or more')
    .max(99, 'must be at most 99')
    .optional(),
  logger: z.looseObject({}).optional(),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).optional(),
  onFailure: z.custom((value) => typeof value === 'function', 'must be a function').optional(),
});

/**
 * The configuration that these options stand for. Throws ConfigError that names every option that is wrong.
 */
export function libraryConfig(given: IntegrationsOptions): Config {
  const parsed = options.safeParse(given);
  if (!parsed.success) throw new ConfigError(parsed.error.issues.map(describe));
  const { databaseUrl, credentialKeys, csvRoot, outboundAllow, s3, logLevel, workers, ...rest } = parsed.data;
  const defaults = loadConfig({});
  const dataDir = rest.dataDir ? resolve(rest.dataDir) : defaults.dataDir;
  return Object.freeze({
    ...defaults,
    dataDir,
    databaseUrl: databaseUrl ? new Secret(databaseUrl) : undefined,
    credentialKeys: credentialKeys ? new Secret(credentialKeys) : undefined,
    csvRoot: csvRoot ? resolve(csvRoot) : join(dataDir, 'files'),
    logLevel: logLevel ?? 'warn',
    workers: workers ?? defaults.workers,
    outboundAllow: outboundAllow ?? defaults.outboundAllow,
    s3: { endpoint: s3?.endpoint, forcePathStyle: s3?.forcePathStyle ?? defaults.s3.forcePathStyle },
  });
}

function describe({ path, message, code, ...issue }: z.core.$ZodIssue): string {
  if (code === 'unrecognized_keys')
    return `${[...path, (issue as { keys: string[] }).keys.join(', ')].join('.')} is no option.`;
  return `${path.join('.')} ${message}.`;
}
