import pg from 'pg';
import { operations, type UnderWay } from '../observability/index.js';

type Callback = (error: unknown, ...rest: unknown[]) => unknown;

/**
 * A connection that may break at any moment, also while it is being made, when nobody listens yet: without a
 * listener that would end the process. Whoever uses it hears of it by the query that fails. It tells of each
 * statement.
 */
export class CalmClient extends pg.Client {
  constructor(...options: ConstructorParameters<typeof pg.Client>) {
    super(...options);
    this.on('error', () => {});
  }

  override query(...given: unknown[]): never {
    const ask = (...args: unknown[]) => (super.query as (...args: unknown[]) => unknown).apply(this, args);
    if (!operations.statement.isObserved) return answered(ask, given) as never;
    const [first] = given;
    const text =
      typeof first === 'string' ? first : String((first as { text?: unknown } | undefined)?.text ?? '');
    const statement = operations.statement.begin({ text });
    const [args, isCalledBack] = withCallback(given, statement);
    const asked = statement.within(() => answered(ask, args));
    return (isCalledBack ? asked : observedAnswer(asked, statement)) as never;
  }
}

/**
 * What a query gives: a promise of its answer, but for whoever brings a callback or a stream. With the promise that pg
 * makes itself, V8 moves all that is read to its old generation, though nobody holds it: of a stream of a million rows,
 * 450 MB (`bench/streams`). With one made around a callback it does not.
 */
function answered(ask: (...args: unknown[]) => unknown, given: unknown[]): unknown {
  const [config, values] = given;
  const isStream = typeof (config as { submit?: unknown } | null | undefined)?.submit === 'function';
  if (isStream || given.some((argument) => typeof argument === 'function')) return ask(...given);
  return new Promise((resolve, reject) => {
    ask(config, values, (error: unknown, result: unknown) => (error ? reject(error) : resolve(result)));
  }).catch((error: unknown) => {
    // As pg does: else it would tell of the socket alone.
    if (error instanceof Error) Error.captureStackTrace(error);
    throw error;
  });
}

/** The arguments of a query, with its callback told of; false when there is none. */
function withCallback(given: unknown[], statement: UnderWay): [args: unknown[], isCalledBack: boolean] {
  const last = given.at(-1);
  if (typeof last !== 'function') return [given, false];
  const told: Callback = (error, ...rest) => {
    statement.end(error ?? undefined);
    return (last as Callback)(error, ...rest);
  };
  return [[...given.slice(0, -1), told], true];
}

/** A promise of rows, or the stream of a COPY. */
function observedAnswer(asked: unknown, statement: UnderWay): unknown {
  if (asked instanceof Promise) {
    return asked.then(
      (result) => {
        statement.end();
        return result;
      },
      (error: unknown) => {
        statement.end(error);
        throw error;
      },
    );
  }
  let failure: unknown;
  (asked as NodeJS.EventEmitter)
    .once('error', (error) => {
      failure = error;
    })
    .once('close', () => statement.end(failure));
  return asked;
}
