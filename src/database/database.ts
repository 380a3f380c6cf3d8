import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { finished } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Transaction } from 'sequelize';
import { type Model, type ModelCtor, type Repository, Sequelize } from 'sequelize-typescript';
import type { Logger } from '../observability/index.js';
import { models } from './models/index.js';

export interface DatabaseOptions {
  /** Where PostgreSQL listens: a connection string, or the parts of one (`host` may be a folder with a socket). */
  connection: string | { host: string; port: number; user: string; database: string; password?: string | undefined };
  /** Connections at most. 1 for the embedded database, whose clients all share one session. */
  poolSize: number;
  /** Whether COPY … FROM STDIN works: not on the embedded database. */
  copies: boolean;
  logger: Logger;
}

/**
 * The door to PostgreSQL. Everything asked inside `transaction` joins it, models and SQL alike, without its being handed
 * around: on the embedded database a query beside an open transaction would wait for ever.
 */
export class Database {
  readonly sequelize: Sequelize;
  /** Whether `copyIn` works here. */
  readonly copies: boolean;
  readonly #current = new AsyncLocalStorage<Transaction>();

  constructor({ connection, poolSize, copies, logger }: DatabaseOptions) {
    this.copies = copies;
    const options = {
      dialect: 'postgres' as const,
      models,
      // Repositories belong to their connection; static models would belong to the last one made.
      repositoryMode: true,
      pool: { max: poolSize, idle: 10_000, acquire: 120_000 },
      logging: (sql: string) => logger.trace({ sql }, 'sql'),
    };
    this.sequelize =
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
    this.#joinTransactions();
  }

  /** The models of one table, on this connection. */
  repository<M extends Model>(model: ModelCtor<M>): Repository<M> {
    return this.sequelize.getRepository(model);
  }

  /** Rows of one statement with `$1…` parameters, as plain objects named as the statement names them. */
  async query<Row extends object = Record<string, unknown>>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const result = await this.withClient((client) => client.query<Row>(sql, [...values]));
    // Several statements in one text give a result each.
    return Array.isArray(result) ? [] : result.rows;
  }

  /** How many rows one statement wrote. */
  async execute(sql: string, values: readonly unknown[] = []): Promise<number> {
    const { rowCount } = await this.withClient((client) => client.query(sql, [...values]));
    return rowCount ?? 0;
  }

  /** Sends rows in COPY's text form: `COPY table (columns) FROM STDIN`. */
  async copyIn(sql: string, rows: string): Promise<void> {
    await this.withClient(async (client) => {
      const stream = client.query(copyFrom(sql));
      stream.end(rows);
      await finished(stream);
    });
  }

  /** What `COPY (…) TO STDOUT` sends, piece by piece: memory does not grow with it. */
  async copyOut(sql: string, take: (piece: Buffer) => void): Promise<void> {
    await this.withClient(async (client) => {
      for await (const piece of client.query(copyTo(sql)) as AsyncIterable<Buffer>) take(piece);
    });
  }

  /** Hands out the connection of the transaction under way, or one of the pool for as long as `use` runs. */
  async withClient<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
    const current = this.#current.getStore() as (Transaction & { connection: PoolClient }) | undefined;
    if (current) return use(current.connection);
    const manager = this.sequelize.connectionManager;
    const client = (await manager.getConnection({ type: 'write' } as never)) as PoolClient;
    try {
      return await use(client);
    } finally {
      manager.releaseConnection(client as never);
    }
  }

  /** Runs `work` in one transaction, or in the one under way. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.#current.getStore()) return work();
    return this.sequelize.transaction((transaction) => this.#current.run(transaction, work));
  }

  /** Whether the database answers. */
  async isReachable(): Promise<boolean> {
    try {
      await this.query('SELECT 1');
      return true;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    await this.sequelize.close();
  }

  #joinTransactions(): void {
    const run = this.sequelize.query.bind(this.sequelize) as (sql: unknown, options?: { transaction?: unknown }) => unknown;
    this.sequelize.query = ((sql: unknown, options?: { transaction?: unknown }) => {
      const current = this.#current.getStore();
      return run(sql, current && options?.transaction === undefined ? { ...options, transaction: current } : options);
    }) as typeof this.sequelize.query;
  }
}
