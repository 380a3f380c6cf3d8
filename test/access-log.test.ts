import type { Interceptor } from '@connectrpc/connect';
import { createContextValues } from '@connectrpc/connect';
import { expect } from 'chai';
import { createLogger } from '../src/observability/index.js';
import { accessLog } from '../src/rpc/interceptors/access-log.js';

/** What is logged of a call whose stream is read by this. */
async function loggedOf(read: (messages: AsyncIterable<number>) => Promise<void>): Promise<unknown[]> {
  const lines: { code: string }[] = [];
  const logger = Object.assign(createLogger({ level: 'silent' }), {
    isLevelEnabled: () => true,
    info: (line: { code: string }) => lines.push(line),
  });
  async function* numbers() {
    yield 1;
    yield 2;
  }
  const request = {
    service: { typeName: 'S' },
    method: { name: 'M' },
    url: 'http://localhost/S/M',
    header: new Headers(),
    contextValues: createContextValues(),
  };
  const next = (async () => ({ stream: true, message: numbers() })) as unknown as Parameters<Interceptor>[0];
  const answer = await accessLog(logger)(next)(request as never);
  await read(answer.message as unknown as AsyncIterable<number>);
  return lines.map(({ code }) => code);
}

describe('the access log', () => {
  it('has one line of a stream, also when its caller leaves before the end', async () => {
    const whole = async (messages: AsyncIterable<number>) => {
      for await (const _ of messages);
    };
    const part = async (messages: AsyncIterable<number>) => {
      for await (const _ of messages) break;
    };
    expect(await loggedOf(whole)).to.deep.equal(['ok']);
    expect(await loggedOf(part)).to.deep.equal(['canceled']);
  });
});
