import { ServiceError } from '../errors.js';
import { codeOf, isDatabaseAway } from './trouble.js';

/** The PostgreSQL of DATABASE_URL cannot be used; the message says why and what to do. */
export class UnusableDatabaseError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnusableDatabaseError';
  }
}

/** The schema is of a later version of the program than this one. */
export class SchemaTooNewError extends Error {
  constructor(names: readonly string[]) {
    super(
      `The database was migrated by a later version of this program (${names.join(', ')}). ` +
        'Start that version, or set DATABASE_URL or DATA_DIR to another database.',
    );
    this.name = 'SchemaTooNewError';
  }
}

/** The oldest PostgreSQL whose SQL the schema may use, as it numbers itself. */
const OLDEST = 150_000;

/** Throws UnusableDatabaseError for a server that is older; `version` is its server_version_num. */
export function requireVersion(version: number): void {
  if (version >= OLDEST) return;
  throw new UnusableDatabaseError(
    `The database is PostgreSQL ${Math.floor(version / 10_000)}; this program needs 15 or later. Upgrade it, or set DATABASE_URL to another.`,
  );
}

/**
 * What making or asking a database for the first time failed with, as a sentence that names no password; the
 * error itself where it is a fault of ours.
 */
export function explainUnusable(error: unknown, connection: string): unknown {
  const { hostname, port, pathname, username, password, searchParams } = new URL(connection);
  const host = decodeURIComponent(hostname) || searchParams.get('host') || 'localhost';
  const place = {
    host,
    place: host.startsWith('/') ? host : `${host}:${port || 5432}`,
    name: decodeURIComponent(pathname.slice(1) || username),
    user: decodeURIComponent(username),
  };
  const cause = error instanceof ServiceError ? error.cause : error;
  const sentence = SENTENCES[codeOf(cause)]?.(place) ?? unnamed(error, cause, place);
  if (sentence === undefined) return error;
  const secret = decodeURIComponent(password);
  return new UnusableDatabaseError(secret ? sentence.replaceAll(secret, '***') : sentence, { cause: error });
}

/** What has no code of its own, such as TLS that only one side wants, or a password that is missing. */
function unnamed(error: unknown, cause: unknown, { place }: Place): string | undefined {
  const { path, code, message = '' } = (cause ?? {}) as NodeJS.ErrnoException;
  if (path !== undefined && !isDatabaseAway(error))
    return `DATABASE_URL names the file ${path}, which cannot be read (${code}). Correct the path, or its rights.`;
  if (!isDatabaseAway(error)) return undefined;
  return `PostgreSQL at ${place} cannot be used (${message}). Correct DATABASE_URL, or look into the server's log.`;
}

interface Place {
  place: string;
  host: string;
  name: string;
  user: string;
}

const down = ({ place }: Place) =>
  `PostgreSQL does not answer at ${place}. Start it, or correct DATABASE_URL.`;
const unknownHost = ({ host }: Place) =>
  `DATABASE_URL names the host ${host}, which nobody knows. Correct the name.`;
const refused = ({ user, place }: Place) =>
  `PostgreSQL at ${place} refuses the user ${user} or its password. Correct DATABASE_URL, or pg_hba.conf of the server.`;

const SENTENCES: Readonly<Record<string, (place: Place) => string>> = {
  ECONNREFUSED: down,
  ECONNRESET: down,
  EHOSTUNREACH: down,
  ENETUNREACH: down,
  ETIMEDOUT: down,
  ENOTFOUND: unknownHost,
  EAI_AGAIN: unknownHost,
  '28P01': refused,
  '28000': refused,
  '3D000': ({ name, place }) =>
    `PostgreSQL at ${place} has no database ${name}. Make it (createdb ${name}), or correct DATABASE_URL.`,
  '42501': ({ name, user }) =>
    `The user ${user} may not create tables in the database ${name}. Make it the owner, or grant it CREATE.`,
  '53300': ({ place }) =>
    `PostgreSQL at ${place} has no connection left. End other clients, or raise max_connections.`,
  '25006': ({ place }) =>
    `PostgreSQL at ${place} only reads, as a standby does. Set DATABASE_URL to the server that writes.`,
  '53100': ({ place }) => `PostgreSQL at ${place} has no room left on its disk. Make room there.`,
  '57P03': ({ place }) => `PostgreSQL at ${place} is starting up. Try again in a moment.`,
};
