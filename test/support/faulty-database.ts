import { AsyncLocalStorage } from 'node:async_hooks';
import type { Database } from '../../src/database/index.js';

/** What a process meets that was killed: nothing it asks for is done any more. */
export class ProcessKilled extends Error {
  constructor() {
    super('The process was killed.');
  }
}

/** A moment in the work of a process. */
export interface Moment {
  /** Before a statement, before a commit, or after one. */
  before: 'statement' | 'commit' | 'what follows a commit';
  /** The statement, where there is one with a text. */
  sql: string;
  /** Whether the process has a transaction open: others may wait for it. */
  inTransaction: boolean;
}

/** Something that happens to a process in the middle of its work. */
export interface Fault {
  /** The moment at which it happens: the first, the second, and so on. */
  at: number;
  /**
   * Does it. False: it cannot happen at this moment, and happens at the next at which it can. Throw
   * `ProcessKilled` to end the process.
   */
  strike(moment: Moment): boolean | Promise<boolean>;
}

/** Kills the process. */
export function kill(at: number): Fault {
  return {
    at,
    strike: () => {
      throw new ProcessKilled();
    },
  };
}

/** The process whose transaction is open. One for all: each costs every promise of the program a little. */
const inTransaction = new AsyncLocalStorage<object>();

const STATEMENTS = new Set<PropertyKey>(['query', 'execute', 'copyIn', 'copyOut', 'withClient']);

/**
 * A database as one of several processes sees it, on the embedded one too, in which a fault happens at a
 * moment that can be told again: moments are before each statement, before each commit and after it. `moments`
 * tells how many there were.
 */
export function faultyDatabase(database: Database, fault?: Fault) {
  let moments = 0;
  let isDone = fault === undefined;
  let isKilled = false;
  let transactions = 0;
  const open = new Set<Promise<unknown>>();

  const pass = async (before: Moment['before'], sql = '') => {
    if (isKilled) throw new ProcessKilled();
    moments += 1;
    if (isDone || !fault || moments < fault.at) return;
    isDone = true;
    try {
      isDone = await fault.strike({ before, sql, inTransaction: transactions > 0 });
    } catch (error) {
      isKilled = error instanceof ProcessKilled;
      throw error;
    }
  };
  const within = async <T>(work: () => Promise<T>): Promise<T> => {
    transactions += 1;
    try {
      return await work();
    } finally {
      transactions -= 1;
    }
  };
  const noted = <T>(work: Promise<T>): Promise<T> => {
    const over = work.catch(() => {}).finally(() => open.delete(over));
    open.add(over);
    return work;
  };
  const transaction = async <T>(work: () => Promise<T>): Promise<T> => {
    // One that joins another is no moment of its own.
    if (inTransaction.getStore() === open) return database.transaction(work);
    await pass('statement', 'BEGIN');
    const result = await noted(
      database.transaction(() =>
        inTransaction.run(open, async () => {
          return within(async () => {
            const done = await work();
            await pass('commit');
            return done;
          });
        }),
      ),
    );
    await pass('what follows a commit');
    return result;
  };
  const seen = new Proxy(database, {
    get(target, name: keyof Database) {
      if (name === 'transaction') return transaction;
      // What comes last in a transaction belongs to it.
      if (name === 'beforeCommit')
        return (work: () => Promise<void>) => target.beforeCommit(() => within(work));
      if (name === 'isExclusive') return false;
      // Renewals come by the clock: they are no moments. Those of a killed process never come back.
      if (name === 'executeApart' && isKilled) return () => new Promise<never>(() => {});
      const value = target[name];
      if (typeof value !== 'function') return value;
      const call = value.bind(target) as (...args: unknown[]) => unknown;
      if (!STATEMENTS.has(name)) return call;
      return async (...args: unknown[]) => {
        await pass('statement', typeof args[0] === 'string' ? args[0] : '');
        return noted(call(...args) as Promise<unknown>);
      };
    },
  });
  return {
    database: seen,
    get moments() {
      return moments;
    },
    get isKilled() {
      return isKilled;
    },
    /** Waits for what nobody waits for any more. */
    async settled() {
      while (open.size > 0) await Promise.all(open);
    },
    /** Whether the fault has happened. */
    get isDone() {
      return isDone;
    },
  };
}
