import type { Interceptor } from '@connectrpc/connect';

export type InLane = <T>(name: string, work: () => T) => T;

/**
 * Gives each method its own small share of the database's connections: one that hangs leaves the others
 * theirs.
 */
export function lane(inLane: InLane): Interceptor {
  return (next) => (request) => {
    const { name, methodKind } = request.method;
    const answered = inLane(name, () => next(request));
    if (methodKind === 'unary') return answered;
    return answered.then((response) =>
      response.stream ? { ...response, message: streamInLane(response.message, inLane, name) } : response,
    );
  };
}

/** What a stream asks while it is read belongs to its method as well. */
async function* streamInLane<T>(messages: AsyncIterable<T>, inLane: InLane, name: string): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await inLane(name, () => iterator.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
