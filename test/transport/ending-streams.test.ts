import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect } from 'chai';
import { endingStreams } from '../../src/transport/ending-streams.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The messages of a call that answers with these, through the interceptor. */
async function through(signal: AbortSignal, messages: AsyncIterable<object>): Promise<AsyncIterable<object>> {
  const run = endingStreams(signal)((async () => ({ stream: true, message: messages })) as never);
  const answer = await run({ method: { methodKind: 'server_streaming' } } as never);
  return answer.message as AsyncIterable<object>;
}

describe('a stream', () => {
  it('keeps no message that was read, however long it goes on', async () => {
    const given: WeakRef<object>[] = [];
    async function* messages() {
      for (let i = 0; i < 1_000; i++) {
        const message = { text: 'x'.repeat(100) };
        given.push(new WeakRef(message));
        yield message;
      }
    }
    const read = (await through(new AbortController().signal, messages()))[Symbol.asyncIterator]();
    for (let i = 0; i < 1_000; i++) await read.next();
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(given.filter((message) => message.deref() !== undefined)).to.have.length.below(100);
    await read.return?.();
  });

  it('ends when the service ends, in the middle of a wait or before its first message', async () => {
    async function* silent() {
      await new Promise(() => {});
      yield {};
    }
    for (const when of ['before', 'meanwhile']) {
      const ending = new AbortController();
      if (when === 'before') ending.abort();
      const read = (await through(ending.signal, silent()))[Symbol.asyncIterator]().next();
      ending.abort();
      const error = await read.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(ConnectError.from(error).code, when).to.equal(Code.Unavailable);
    }
  });
});
