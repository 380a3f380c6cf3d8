import { ServiceError } from '../errors.js';

/** Seconds after which a caller may try again. */
const RETRY_AFTER = '5';

/** PostgreSQL ended one of two transactions that waited for each other, or could not put them in an order. */
const CONFLICTS = new Set(['40P01', '40001']);
/** A statement waited for a lock, or took, longer than it may. */
const TOO_LONG = new Set(['55P03', '57014']);
/** What a broken or refused connection says that is no SQLSTATE. */
const NO_CONNECTION = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
/**
 * Classes of SQLSTATE in which the database can do no work for now: no connection, no resources, an operator's
 * intervention, a fault of its system; a server that only reads; and one that ended the connection with its transaction.
 */
const UNAVAILABLE = /^(08|53|57P|58)|^(25006|25P03|25P04|28|3D)/;
/** What is said where no answer came, of a connection or of a query on one. */
const BROKEN =
  /^(Connection terminated|Client has encountered a connection error|timeout expired|timeout exceeded when trying to connect|Query read timeout)/;

interface DatabaseError {
  name?: string;
  code?: string;
  message?: string;
  /** Sequelize keeps there what the driver said. */
  parent?: unknown;
  original?: unknown;
}

/** Whether the work may be done again at once, as if it had never begun. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error));
}

/**
 * What callers are told of the database's troubles: `aborted` when others were in the way, `unavailable` when
 * it could not be reached or can do no work. Every other error as it is.
 */
export function explained(error: unknown): unknown {
  if (error instanceof ServiceError || !error || typeof error !== 'object') return error;
  const code = codeOf(error);
  const { name = '', message = '' } = error as DatabaseError;
  if (CONFLICTS.has(code) || TOO_LONG.has(code) || isAcquireTimeout(error)) return busy(error);
  const isAway = UNAVAILABLE.test(code) || isConnection(name, code) || (BROKEN.test(message) && code === '');
  return isAway ? unavailable(code, error) : error;
}

/** None of the connections became free in time, as Sequelize says it, or its pool. */
function isAcquireTimeout(error: object): boolean {
  return /^(ConnectionAcquire)?TimeoutError$/.test(error.constructor.name);
}

/** For a caller who has waited long enough for others. */
export function busy(cause?: unknown): ServiceError {
  return new ServiceError('aborted', 'Others are at work on the same data. Try again in a few seconds.', {
    reason: BUSY,
    metadata: { retryAfterSeconds: RETRY_AFTER },
    cause,
  });
}

/** Whether it was the database that was away, and the work may be taken up again later. */
export function isDatabaseAway(error: unknown): boolean {
  return error instanceof ServiceError && error.reason === AWAY;
}

/** Whether the same may go well soon: others were at work on the same data, or the database was away. */
export function isPassing(error: unknown): boolean {
  return error instanceof ServiceError && (error.reason === BUSY || error.reason === AWAY);
}

const AWAY = 'DATABASE_UNAVAILABLE';
const BUSY = 'BUSY';

function unavailable(code: string, cause: unknown): ServiceError {
  const why = code === '53100' ? 'has no room left on its disk' : 'cannot be reached';
  return new ServiceError('unavailable', `The database ${why}. Try again in a few seconds.`, {
    reason: AWAY,
    metadata: { retryAfterSeconds: RETRY_AFTER },
    cause,
  });
}

function isConnection(name: string, code: string): boolean {
  return /^Sequelize(Connection|Host|AccessDenied|InvalidConnection)/.test(name) || NO_CONNECTION.has(code);
}

export function codeOf(error: unknown): string {
  const { code, parent, original } = (error ?? {}) as DatabaseError;
  return code ?? (parent as DatabaseError | undefined)?.code ?? (original as DatabaseError)?.code ?? '';
}
