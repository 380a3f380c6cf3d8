import 'reflect-metadata';
import pg, { type PoolClient } from 'pg';
import { Sequelize } from 'sequelize-typescript';
import type { Logger } from '../observability/index.js';
import { CalmClient } from './calm-client.js';
import { models } from './models/index.js';
import { setValueParsers } from './value-parsers.js';

export interface DatabaseOptions {
  /**
   * Where PostgreSQL listens: a connection string, or the parts of one (`host` may be a folder with a
   * socket).
   */
  connection:
    | string
    | { host: string; port: number; user: string; database: string; password?: string | undefined };
  /** Connections at most. 1 for the embedded database, whose clients all share one session. */
  poolSize: number;
  /** Whether this is the embedded database: one session, of this process alone, without COPY … FROM STDIN. */
  embedded: boolean;
  logger: Logger;
}

/**
 * How long a statement may wait for a lock, take, and leave a transaction idle, in milliseconds; runs allow
 * themselves more.
 */
const TIMEOUTS = {
  lock_timeout: 5_000,
  statement_timeout: 60_000,
  idle_in_transaction_session_timeout: 60_000,
};
/** How long anybody waits for a connection, in milliseconds. */
const ACQUIRE_MS = 10_000;
/** How long the queries apart may take, in milliseconds. */
export const APART_MS = 5_000;

/** The connections that work takes turns with, in a pool of Sequelize. Each has the limits of TIMEOUTS. */
export function openPooled({ connection, poolSize, embedded, logger }: DatabaseOptions): Sequelize {
  const options = {
    dialect: 'postgres' as const,
    dialectModule: { ...pg, Client: CalmClient },
    models,
    // Repositories belong to their connection; static models would belong to the last one made.
    repositoryMode: true,
    pool: { max: poolSize, idle: 10_000, acquire: embedded ? 120_000 : ACQUIRE_MS },
    logging: (sql: string) => logger.trace({ sql }, 'sql'),
  };
  const sequelize =
    typeof connection === 'string'
      ? new Sequelize(connection, options)
      : new Sequelize({
          ...options,
          host: connection.host,
          port: connection.port,
          username: connection.user,
          password: connection.password ?? '',
          database: connection.database,
        });
  sequelize.addHook('afterConnect', async (client) => {
    setValueParsers(client as pg.Client);
    if (!embedded) await limit(client as PoolClient);
  });
  return sequelize;
}

/**
 * Hands out a connection of the pool for as long as `use` runs. Past the hooks of Sequelize, of which there are none:
 * they would take longer than the connection.
 */
export async function withPooled<T>(
  sequelize: Sequelize,
  use: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const pool = poolOf(sequelize);
  const client = await pool.acquire();
  try {
    return await use(client);
  } finally {
    // A text of several statements that failed half way leaves the transaction open that it began.
    if (!isIdle(client)) await client.query('ROLLBACK').catch(() => discard(client));
    pool.release(client);
  }
}

/** Its pool, which Sequelize's types leave out. */
interface Pool {
  readonly maxSize: number;
  readonly using: number;
  readonly available: number;
  readonly waiting: number;
  /** Rejects with its `TimeoutError` when none is free in time. */
  acquire(): Promise<PoolClient>;
  release(client: PoolClient): void;
}

export function poolOf(sequelize: Sequelize): Pool {
  return (sequelize.connectionManager as unknown as { pool: Pool }).pool;
}

/** Whether a connection has nothing under way, and no transaction open; false also where that is not known yet. */
function isIdle(client: PoolClient): boolean {
  const { readyForQuery } = client as PoolClient & { readyForQuery: boolean };
  return readyForQuery && client.getTransactionStatus() === 'I';
}

/** Ends a connection; its pool makes another one. */
export function discard(client: PoolClient): void {
  // A client of the pool of Sequelize, which knows no release with an error.
  (client as unknown as pg.Client).end().catch(() => undefined);
}

/** Two connections with short limits. */
export function openApart(connection: DatabaseOptions['connection'], logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    ...configOf(connection),
    max: 2,
    connectionTimeoutMillis: APART_MS,
    statement_timeout: APART_MS,
    query_timeout: APART_MS,
  });
  // A connection that breaks while nobody uses it is made anew by the next query.
  pool.on('error', (error) => logger.warn({ err: error }, 'a connection to the database broke'));
  return pool;
}

/** The connection as pg takes it. */
export function configOf(connection: DatabaseOptions['connection']): pg.ClientConfig {
  return typeof connection === 'string' ? { connectionString: connection } : connection;
}

async function limit(client: PoolClient): Promise<void> {
  const settings = Object.entries(TIMEOUTS).map(([name, ms]) => `SET ${name} = ${ms}`);
  // A plan that is kept from when a table was empty would read the whole of it when it is full.
  await client.query(['SET plan_cache_mode = force_custom_plan', ...settings].join('; '));
}
