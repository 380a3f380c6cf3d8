import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { isAllowEntry, webAddress } from './connectors/index.js';
import { dataDirOf } from './data-dir.js';
import { MIN_TOKEN, namedTokens } from './named-tokens.js';
import { listOf, optional } from './optional-variable.js';
import type { RetentionPeriods } from './retention/index.js';
import { Secret } from './secret.js';
import { type TelemetryConfig, telemetryConfig, telemetryVariables } from './telemetry-config.js';
import { isProxyRange } from './transport/index.js';

export { Secret } from './secret.js';

/** Everything that the environment decides. */
export interface Config {
  /** Anything but development and test. */
  production: boolean;
  /** Address to listen on. */
  host: string;
  /** Port to listen on; 0 takes any that is free. */
  port: number;
  /** PostgreSQL to work on; undefined: the embedded one under dataDir. */
  databaseUrl: Secret | undefined;
  /** Absolute path of the folder for everything the service keeps itself. */
  dataDir: string;
  /** `id:base64 of 32 bytes,…`; the first seals. undefined: a key file under dataDir. */
  credentialKeys: Secret | undefined;
  /** The bearer token; undefined: one made and kept under dataDir. */
  adminToken: Secret | undefined;
  /** More bearer tokens, by the name that the audit calls their callers by. */
  apiTokens: Readonly<Record<string, Secret>>;
  /** Addresses and ranges of proxies whose X-Forwarded-For is believed. */
  trustProxy: readonly string[];
  /** Absolute path of the only folder that connectors may read and write files in. */
  csvRoot: string;
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  logFormat: 'json' | 'text';
  /** Hosts, addresses and ranges that connectors may reach although they are private. */
  outboundAllow: readonly string[];
  /** The S3 service that CSV integrations use unless their config names another. */
  s3: { endpoint: string | undefined; forcePathStyle: boolean };
  /** PEM texts; undefined: plaintext. They do not show when they are printed. */
  tls: { cert: string; key: string } | undefined;
  /** Origins that browsers may call from; `*` for all. */
  corsOrigins: readonly string[];
  /** The NATS server that events are published to as well: `nats://user:password@host:4222`; undefined: none. */
  eventsNatsUrl: Secret | undefined;
  /** Connections to DATABASE_URL that calls and jobs share; three more are for what must not wait. */
  databasePoolSize: number;
  /** How many jobs of a kind, such as syncs, this process does at once; 0: it only serves calls. */
  workers: number;
  /** How many days things are kept after they ended. */
  retention: RetentionPeriods;
  telemetry: TelemetryConfig;
}

/** The environment says something that cannot be. Its message has a line for each variable that is wrong. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
  }
}

const MOST_DAYS = 36_500;
/** What NODE_ENV calls a developer's machine. Everything else is production, however it is written. */
const LENIENT: readonly string[] = ['development', 'test'];
/** What a developer's own school systems listen on. Addresses of cloud metadata among them stay closed. */
const PRIVATE_NETWORKS = ['127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];
const ORIGIN = /^(\*|https?:\/\/[^/\s]+)$/;

/** A period, at least so long that what looks back on it finds it. */
const days = (byDefault: number, least: number) =>
  optional(
    z
      .string()
      .default(String(byDefault))
      .refine(
        (text) => /^\d{1,5}$/.test(text) && Number(text) >= least && Number(text) <= MOST_DAYS,
        `must be a number of days from ${least} to ${MOST_DAYS}`,
      )
      .transform(Number),
  );

const environment = z.object({
  NODE_ENV: optional(z.string().default('development')),
  HOST: optional(z.string().default('127.0.0.1')),
  PORT: optional(
    z
      .string()
      .default('8080')
      .refine(
        (text) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535,
        'must be a port number from 0 to 65535',
      )
      .transform(Number),
  ),
  DATABASE_URL: optional(
    z
      .string()
      .regex(/^postgres(ql)?:\/\/./, {
        error: 'must look like postgres://user:password@host:5432/database',
        abort: true,
      })
      .refine(
        isReadable,
        'cannot be read as an address: in user and password write %23 for #, %2F for /, %3F for ?, %40 for @ and %25 for %',
      )
      .optional(),
  ),
  DATA_DIR: optional(z.string().optional()),
  CREDENTIAL_KEYS: optional(
    z
      .string()
      .refine(
        areKeys,
        'must be id:key pairs, comma separated, each id once, each key base64 of 32 bytes (openssl rand -base64 32)',
      )
      .optional(),
  ),
  ADMIN_TOKEN: optional(
    z
      .string()
      .min(MIN_TOKEN, `must have at least ${MIN_TOKEN} characters; openssl rand -hex 32 makes a good one`)
      .optional(),
  ),
  API_TOKENS: namedTokens,
  TRUST_PROXY: optional(
    z
      .string()
      .default('')
      .transform(listOf)
      .refine(
        (entries) => entries.every(isProxyRange),
        'must be addresses or ranges of proxies (10.0.0.7, 10.1.0.0/16, loopback), comma separated',
      ),
  ),
  CSV_ROOT: optional(z.string().optional()),
  LOG_LEVEL: optional(
    z
      .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
        error: 'must be one of fatal, error, warn, info, debug, trace, silent',
      })
      .default('info'),
  ),
  LOG_FORMAT: optional(z.enum(['json', 'text'], { error: 'must be json or text' }).default('json')),
  OUTBOUND_ALLOW: optional(
    z
      .string()
      .optional()
      .transform((text) => (text === undefined ? undefined : listOf(text)))
      .refine(
        (entries) => entries?.every(isAllowEntry) ?? true,
        'must be host names, addresses or ranges such as 10.1.0.0/16, comma separated',
      ),
  ),
  S3_ENDPOINT: optional(webAddress('an address such as https://s3.example.com').optional()),
  S3_FORCE_PATH_STYLE: optional(
    z.enum(['true', 'false'], { error: 'must be true or false' }).default('false'),
  ),
  TLS_CERT_FILE: optional(z.string().optional()),
  TLS_KEY_FILE: optional(z.string().optional()),
  CORS_ORIGINS: optional(
    z
      .string()
      .default('')
      .transform(listOf)
      .refine(
        (origins) => origins.every((origin) => ORIGIN.test(origin)),
        'must be origins such as https://app.school.cl, comma separated, or *',
      ),
  ),
  EVENTS_NATS_URL: optional(
    z
      .string()
      .regex(/^(nats|tls):\/\/[^/?#]+$/, {
        error: 'must look like nats://user:password@host:4222, or tls:// where the server asks for TLS',
        abort: true,
      })
      .refine(
        isReadable,
        'cannot be read as an address: in user and password write %23 for #, %2F for /, %3F for ?, %40 for @ and %25 for %',
      )
      .optional(),
  ),
  DATABASE_POOL_SIZE: optional(
    z
      .string()
      .default('20')
      .refine(
        (text) => /^\d{1,3}$/.test(text) && Number(text) >= 5 && Number(text) <= 200,
        'must be a number from 5 to 200: the connections to PostgreSQL that calls and syncs share',
      )
      .transform(Number),
  ),
  WORKERS: optional(
    z
      .string()
      .default('2')
      .refine(
        (text) => /^\d{1,2}$/.test(text),
        'must be a number from 0 to 99: how many syncs and sendings this process does at once, 0 for none',
      )
      .transform(Number),
  ),
  RETENTION_RUNS_DAYS: days(400, 28),
  RETENTION_CHANGES_DAYS: days(90, 1),
  RETENTION_ISSUES_DAYS: days(90, 1),
  RETENTION_DELIVERIES_DAYS: days(90, 1),
  RETENTION_EVENTS_DAYS: days(90, 1),
  RETENTION_WEBHOOKS_DAYS: days(90, 1),
  ...telemetryVariables,
});

/** The names of all variables that are read. */
export const knownVariables: readonly string[] = Object.keys(environment.shape);

/** Reads the environment. Throws ConfigError that names every variable that is wrong, and what to write. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}.`));
  }
  const vars = parsed.data;
  // A name that nobody knows here may be that of a place where real schools are.
  const production = !LENIENT.includes(vars.NODE_ENV);
  const problems: string[] = [];
  if (production && !vars.ADMIN_TOKEN)
    problems.push('ADMIN_TOKEN must be set in production; openssl rand -hex 32 makes one.');
  if (production && !vars.CREDENTIAL_KEYS) {
    problems.push('CREDENTIAL_KEYS must be set in production, for example to k1:$(openssl rand -base64 32).');
  }
  const retention: RetentionPeriods = {
    runs: vars.RETENTION_RUNS_DAYS,
    changes: vars.RETENTION_CHANGES_DAYS,
    issues: vars.RETENTION_ISSUES_DAYS,
    deliveries: vars.RETENTION_DELIVERIES_DAYS,
    events: vars.RETENTION_EVENTS_DAYS,
    webhooks: vars.RETENTION_WEBHOOKS_DAYS,
  };
  for (const [name, period] of [
    ['RETENTION_CHANGES_DAYS', retention.changes],
    ['RETENTION_ISSUES_DAYS', retention.issues],
  ] as const)
    if (period > retention.runs)
      problems.push(`${name} must be at most RETENTION_RUNS_DAYS (${retention.runs}): they belong to runs.`);
  const tokens = vars.API_TOKENS.map(([, token]) => token);
  if (new Set([...tokens, vars.ADMIN_TOKEN]).size <= tokens.length)
    problems.push(
      'API_TOKENS must hold no token twice, nor that of ADMIN_TOKEN: who called would not be known.',
    );
  const tls = readTls(vars.TLS_CERT_FILE, vars.TLS_KEY_FILE, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const dataDir = dataDirOf(vars.DATA_DIR);
  return Object.freeze({
    production,
    host: vars.HOST,
    port: vars.PORT,
    databaseUrl: vars.DATABASE_URL ? new Secret(vars.DATABASE_URL) : undefined,
    dataDir,
    credentialKeys: vars.CREDENTIAL_KEYS ? new Secret(vars.CREDENTIAL_KEYS) : undefined,
    adminToken: vars.ADMIN_TOKEN ? new Secret(vars.ADMIN_TOKEN) : undefined,
    apiTokens: Object.freeze(
      Object.fromEntries(vars.API_TOKENS.map(([name, token = '']) => [name, new Secret(token)])),
    ),
    trustProxy: vars.TRUST_PROXY,
    csvRoot: vars.CSV_ROOT ? resolve(vars.CSV_ROOT) : join(dataDir, 'files'),
    logLevel: vars.LOG_LEVEL,
    logFormat: vars.LOG_FORMAT,
    outboundAllow: vars.OUTBOUND_ALLOW ?? (production ? [] : PRIVATE_NETWORKS),
    s3: { endpoint: vars.S3_ENDPOINT, forcePathStyle: vars.S3_FORCE_PATH_STYLE === 'true' },
    tls,
    corsOrigins: vars.CORS_ORIGINS,
    eventsNatsUrl: vars.EVENTS_NATS_URL ? new Secret(vars.EVENTS_NATS_URL) : undefined,
    databasePoolSize: vars.DATABASE_POOL_SIZE,
    workers: vars.WORKERS,
    retention,
    telemetry: telemetryConfig(vars),
  });
}

function readTls(
  certFile: string | undefined,
  keyFile: string | undefined,
  problems: string[],
): Config['tls'] {
  if (!certFile && !keyFile) return undefined;
  if (!certFile || !keyFile) {
    problems.push(
      `${certFile ? 'TLS_KEY_FILE' : 'TLS_CERT_FILE'} must be set too: TLS needs a certificate and its key.`,
    );
    return undefined;
  }
  const read = (name: string, path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      problems.push(`${name} cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}.`);
      return '';
    }
  };
  const tls = { cert: read('TLS_CERT_FILE', certFile), key: read('TLS_KEY_FILE', keyFile) };
  const redacted = { value: () => '[redacted]' };
  // The key stays an ordinary field, as whoever spreads this into the options of a server expects.
  return Object.defineProperties(tls, {
    toJSON: redacted,
    [Symbol.for('nodejs.util.inspect.custom')]: redacted,
  });
}

/**
 * Whether a text is `id:base64 of 32 bytes,…` with ids that differ: of two keys under one id, one would never
 * open.
 */
export function areKeys(text: string): boolean {
  const ids = text.split(',').map((pair) => {
    const [, id, key] = /^\s*([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)\s*$/.exec(pair) ?? [];
    return key !== undefined && Buffer.from(key, 'base64').length === 32 ? id : undefined;
  });
  return !ids.includes(undefined) && new Set(ids).size === ids.length;
}

/** Whether the parts of an address can be told from one another, and decoded. */
function isReadable(address: string): boolean {
  try {
    const { hostname, username, password, pathname } = new URL(address);
    for (const part of [hostname, username, password, pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}
