import { AsyncLocalStorage } from 'node:async_hooks';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { PoolClient } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Transaction } from 'sequelize';
import type { Model, ModelCtor, Repository, Sequelize } from 'sequelize-typescript';
import {
  APART_MS,
  configOf,
  type DatabaseOptions,
  discard,
  openApart,
  openPooled,
  poolOf,
  withPooled,
} from './connections.js';
import { Lanes } from './lanes.js';
import { Listener, type Subscription } from './listener.js';
import { explained, isConflict } from './trouble.js';

/** How often work is tried that others were in the way of, and the longest first pause, in milliseconds. */
const MOST_TRIES = 6;
const FIRST_PAUSE_MS = 10;
/** The share of the connections that one kind of call may use, and that all runs together may use. */
const LANE_SHARE = 0.2;
const BACKGROUND_SHARE = 0.6;

/**
 * Gives access to PostgreSQL. Everything asked inside `transaction` joins it, models and SQL alike, without
 * its being handed around: on the embedded database a query beside an open transaction would wait for ever.
 */
export class Database {
  readonly sequelize: Sequelize;
  /** Whether `copyIn` works here. */
  readonly copies: boolean;
  /** Whether no other process can work on this database. */
  readonly isExclusive: boolean;
  readonly #current = new AsyncLocalStorage<Transaction>();
  /** What is left to do before a transaction is committed, and once it has been. */
  readonly #lastOf = new WeakMap<Transaction, (() => Promise<void>)[]>();
  readonly #afterOf = new WeakMap<Transaction, (() => void)[]>();
  readonly #lanes: Lanes | undefined;
  /** Names of the statements that are asked often, by their text: a fixed few. */
  readonly #names = new Map<string, string>();
  /** Connections for what must not wait for any other work; undefined where there is only one session. */
  readonly #apart: pg.Pool | undefined;
  /** Undefined where NOTIFY may reach the wrong client. */
  readonly #listener: Listener | undefined;

  constructor(options: DatabaseOptions) {
    const { connection, poolSize, embedded, logger } = options;
    this.copies = !embedded;
    this.isExclusive = embedded;
    if (!embedded) {
      this.#lanes = new Lanes(Math.ceil(poolSize * LANE_SHARE), Math.ceil(poolSize * BACKGROUND_SHARE));
      this.#apart = openApart(connection, logger);
      this.#listener = new Listener(configOf(connection), logger);
    }
    this.sequelize = openPooled(options);
    this.#joinTransactions();
  }

  /** Runs `work` so that its queries share a few connections with all others of the same lane. */
  inLane<T>(lane: string, work: () => T): T {
    return this.#lanes ? this.#lanes.run(lane, work) : work();
  }

  /**
   * Runs `work` for which nobody waits within seconds: its queries take turns with those of all such work.
   */
  inBackground<T>(work: () => T): T {
    return this.#lanes ? this.#lanes.runInBackground(work) : work();
  }

  /**
   * How many rows a short statement wrote, beside everything else: it waits for no connection that other work
   * uses.
   */
  async executeApart(sql: string, values: readonly unknown[] = []): Promise<number> {
    return this.#apart ? ((await this.#askApart(sql, values)).rowCount ?? 0) : this.execute(sql, values);
  }

  /** The rows of a short statement, in the same way. */
  async queryApart<Row extends object = Record<string, unknown>>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    return this.#apart ? (await this.#askApart<Row>(sql, values)).rows : this.query<Row>(sql, values);
  }

  async #askApart<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[]) {
    try {
      return await (this.#apart as pg.Pool).query<Row>(sql, [...values]);
    } catch (error) {
      throw explained(error);
    }
  }

  /** Whether `listen` works here. */
  get listens(): boolean {
    return this.#listener !== undefined;
  }

  /**
   * Hears what is said on a channel by NOTIFY. `missed` is called when the connection is there, and again
   * whenever it was lost and is back: what was said meanwhile was not heard.
   */
  listen(channel: string, heard: (payload: string) => void, missed: () => void): Promise<Subscription> {
    if (!this.#listener) throw new Error('The embedded database cannot be listened to.');
    return this.#listener.listen(channel, heard, missed);
  }

  /** The connections that work uses, and how many queries wait for one or for their turn. */
  get pool() {
    const { maxSize, using, available, waiting } = poolOf(this.sequelize);
    return {
      size: maxSize,
      inUse: using,
      idle: available,
      waitingForConnection: waiting,
      waitingForTurn: this.#lanes?.waiting ?? 0,
    };
  }

  /** The models of one table, on this connection. */
  repository<M extends Model>(model: ModelCtor<M>): Repository<M> {
    return this.sequelize.getRepository(model);
  }

  /** Rows of one statement with `$1…` parameters, as plain objects named as the statement names them. */
  async query<Row extends object = Record<string, unknown>>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    const result = await this.withClient((client) => client.query<Row>(sql, [...values]));
    // Several statements in one text give a result each.
    return Array.isArray(result) ? [] : result.rows;
  }

  /**
   * The same for a statement that is asked all the time: each connection parses it once. It is planned each time.
   */
  async queryOften<Row extends object = Record<string, unknown>>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    // The clients of the embedded database share one session, and with it the names of statements.
    if (this.isExclusive) return this.query<Row>(text, values);
    const name = this.#nameOf(text);
    const { rows } = await this.withClient((client) =>
      client.query<Row>({ name, text, values: [...values] }),
    );
    return rows;
  }

  #nameOf(text: string): string {
    let name = this.#names.get(text);
    if (!name) {
      name = `often_${this.#names.size + 1}`;
      this.#names.set(text, name);
    }
    return name;
  }

  /** How many rows one statement wrote. */
  async execute(sql: string, values: readonly unknown[] = []): Promise<number> {
    const { rowCount } = await this.withClient((client) => client.query(sql, [...values]));
    return rowCount ?? 0;
  }

  /**
   * Sends rows in the form that a statement asks for: `COPY table (columns) FROM STDIN (FORMAT binary)`. When
   * this ends well, the bytes are no longer needed.
   */
  async copyIn(sql: string, rows: Buffer): Promise<void> {
    await this.withClient(async (client) => {
      const stream = client.query(copyFrom(sql));
      stream.end(rows);
      await finished(stream);
    });
  }

  /**
   * What `COPY (…) TO STDOUT` sends, piece by piece: memory does not grow with it. Where `take` throws, the connection
   * is ended, and with it the transaction under way.
   */
  async copyOut(sql: string, take: (piece: Buffer) => void): Promise<void> {
    await this.withClient(async (client) => {
      const pieces = client.query(copyTo(sql));
      // That the connection ends is heard also when nobody reads any more.
      pieces.on('error', () => {});
      for await (const piece of pieces as AsyncIterable<Buffer>) {
        try {
          take(piece);
        } catch (error) {
          // The server would go on to send.
          discard(client);
          throw error;
        }
      }
    });
  }

  /** Hands out the connection of the transaction under way, or one of the pool for as long as `use` runs. */
  withClient<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
    const current = this.#current.getStore() as (Transaction & { connection: PoolClient }) | undefined;
    return current ? use(current.connection) : this.#inTurn(() => withPooled(this.sequelize, use));
  }

  /**
   * Runs `work` in one transaction, or in the one under way. Where others were in its way, it is done again
   * from its beginning: it must change nothing but the database, or the same as before.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.#current.getStore()) return work();
    const use = async () => {
      const after: (() => void)[] = [];
      const result = await this.sequelize.transaction((transaction) => {
        this.#afterOf.set(transaction, after);
        return this.#current.run(transaction, async () => {
          const done = await work();
          for (const last of this.#lastOf.get(transaction) ?? []) await last();
          return done;
        });
      });
      for (const then of after) then();
      return result;
    };
    return this.#inTurn(use);
  }

  /**
   * Does `work` as the last of the transaction under way, after everything else it does; at once outside of
   * one. For locks that many wait for, which are then held for a moment, and never while another is waited for.
   */
  async beforeCommit(work: () => Promise<void>): Promise<void> {
    const current = this.#current.getStore();
    if (!current) return work();
    const others = this.#lastOf.get(current);
    if (others) others.push(work);
    else this.#lastOf.set(current, [work]);
  }

  /**
   * Lets the statements of the transaction under way take as long as they need; `locks`: and wait for locks
   * as long.
   */
  async allowLong({ locks = false } = {}): Promise<void> {
    // The embedded database knows no time-outs.
    if (this.isExclusive) return;
    await this.query(`SET LOCAL statement_timeout = 0${locks ? '; SET LOCAL lock_timeout = 0' : ''}`);
  }

  /**
   * Does `work` once the transaction under way is known to be committed, and never when it is rolled back; at once
   * outside of one. Where the answer to the commit was lost it is not done, though the transaction may be committed:
   * whoever must learn of that looks for itself.
   */
  afterCommit(work: () => void): void {
    const current = this.#current.getStore();
    // Not the hooks of Sequelize: they run also when the commit failed.
    const after = current && this.#afterOf.get(current);
    if (after) after.push(work);
    else work();
  }

  /** Whether the database answers within a few seconds, however busy the service is. */
  async isReachable(): Promise<boolean> {
    const asked = this.executeApart('SELECT 1').then(
      () => true,
      () => false,
    );
    const late = new AbortController();
    const no = sleep(APART_MS, false, { signal: late.signal, ref: false }).catch(() => false);
    return Promise.race([asked, no]).finally(() => late.abort());
  }

  async close(): Promise<void> {
    await this.#listener?.close();
    await this.sequelize.close();
    await this.#apart?.end();
  }

  /**
   * Waits for a turn in the lane under way. What others were in the way of is tried again; a wait that was too
   * long is the caller's to repeat.
   */
  async #inTurn<T>(use: () => Promise<T>): Promise<T> {
    for (let nth = 1; ; nth++) {
      const taken = this.#lanes?.take();
      const turn = taken instanceof Promise ? await taken : taken;
      try {
        return await use();
      } catch (error) {
        if (!isConflict(error) || nth >= MOST_TRIES) throw explained(error);
      } finally {
        turn?.giveBack();
      }
      // Not all at the same time again.
      await sleep(Math.random() * FIRST_PAUSE_MS * 2 ** nth);
    }
  }

  #joinTransactions(): void {
    const run = this.sequelize.query.bind(this.sequelize) as (
      sql: unknown,
      options?: { transaction?: unknown },
    ) => Promise<unknown>;
    this.sequelize.query = (async (sql: unknown, options?: { transaction?: unknown }) => {
      const current = this.#current.getStore();
      if (current && options?.transaction === undefined)
        return run(sql, { ...options, transaction: current });
      // In a transaction, whoever began it tells what became of it.
      if (options?.transaction) return run(sql, options);
      return run(sql, options).catch((error: unknown) => {
        throw explained(error);
      });
    }) as typeof this.sequelize.query;
  }
}
