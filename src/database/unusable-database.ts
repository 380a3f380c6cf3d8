import type { DatabaseError } from 'pg';

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

/** What a first query failed with, as a sentence that names no password; the error itself where it is none of these. */
export function explainUnusable(error: unknown, connection: string): unknown {
  const { hostname, port, pathname, username } = new URL(connection);
  const name = decodeURIComponent(pathname.slice(1)) || username;
  const place = `${hostname}:${port || 5432}`;
  const sentence = SENTENCES[codeOf(error)]?.({
    place,
    host: hostname,
    name,
    user: decodeURIComponent(username),
  });
  return sentence ? new UnusableDatabaseError(sentence, { cause: error }) : error;
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
  '57P03': ({ place }) => `PostgreSQL at ${place} is starting up. Try again in a moment.`,
};

/** The code of an error of PostgreSQL or of the system, however Sequelize has wrapped it. */
function codeOf(error: unknown): string {
  const { code, original, parent } = error as Partial<DatabaseError> & {
    original?: unknown;
    parent?: unknown;
  };
  if (typeof code === 'string') return code;
  const inner = original ?? parent;
  if (inner) return codeOf(inner);
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first ? codeOf(first) : '';
}
