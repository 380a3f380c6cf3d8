import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';

/**
 * Ends streams at once when the service ends: a health watch or a long list would keep it until its patience
 * is over, and its client goes on with another process. Calls with one answer are let finish.
 */
export function endingStreams(signal: AbortSignal): Interceptor {
  return (next) => (request) => {
    const answered = next(request);
    if (request.method.methodKind === 'unary') return answered;
    return answered.then((response) =>
      response.stream ? { ...response, message: until(signal, response.message) } : response,
    );
  };
}

async function* until<T>(signal: AbortSignal, messages: AsyncIterable<T>): AsyncGenerator<T> {
  const items = messages[Symbol.asyncIterator]();
  let end = (_: Error) => {};
  const onAbort = () => end(new ConnectError('The service is ending. Call again.', Code.Unavailable));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (true) {
      // No Promise.race with one that lasts: it would keep every message until the stream is over.
      const item = await new Promise<IteratorResult<T>>((resolve, reject) => {
        end = reject;
        if (signal.aborted) onAbort();
        else items.next().then(resolve, reject);
      });
      if (item.done) return;
      yield item.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not waited for: it may be in the middle of a wait of its own.
    void Promise.resolve(items.return?.()).catch(() => {});
  }
}
