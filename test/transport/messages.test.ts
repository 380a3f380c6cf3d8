import { once } from 'node:events';
import http2 from 'node:http2';
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { expect } from 'chai';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { createLogger } from '../../src/observability/index.js';
import { createInterceptors } from '../../src/rpc/index.js';
import { openServer } from '../support/transport.js';

const RPC = '/smartid.integrations.v1.IntegrationService/ListProviders';
const SENTENCES = [
  'Ñandú "50 %" + a/b?c=d&e; 100%25 ok',
  'two\r\nlines\tand a mark \u2026 \ud83d\ude00',
  'a letter that is none: \ud800.',
  `very long: ${'ñ'.repeat(20_000)}`,
];

/** All that calls pass, and at its end somebody who throws this. */
function throwing(sentence: string): Interceptor[] {
  const logger = createLogger({ level: 'silent' });
  return [
    ...createInterceptors({
      logger,
      recordRefusal: async () => {},
      inLane: (_, work) => work(),
      verify: () => 'test',
      openServices: [IntegrationService.typeName],
    }),
    () => () => {
      throw new ConnectError(sentence, Code.FailedPrecondition);
    },
  ];
}

describe('the sentence of an error', () => {
  for (const [index, sentence] of SENTENCES.entries())
    it(`is the same for every client: ${sentence.slice(0, 40)}`, async () => {
      const { url } = await openServer({ interceptors: throwing(sentence) });
      const seen: Record<string, string> = {};
      for (const [name, transport] of Object.entries({
        grpc: createGrpcTransport({ baseUrl: url }),
        web: createGrpcWebTransport({ baseUrl: url, httpVersion: '1.1' }),
        connect: createConnectTransport({ baseUrl: url, httpVersion: '1.1' }),
      }))
        seen[name] = await createClient(IntegrationService, transport)
          .listProviders({})
          .then(
            () => 'no error',
            (error: ConnectError) => `${error.code} ${error.rawMessage}`,
          );
      seen['grpc-js'] = await new Promise((resolve) => {
        const client = new Client(url.replace('http://', ''), credentials.createInsecure());
        const same = (bytes: Buffer) => bytes;
        client.makeUnaryRequest(RPC, same, same, Buffer.alloc(0), new Metadata(), (error) => {
          client.close();
          resolve(`${error?.code} ${error?.details}`);
        });
      });
      const rest = (await (await fetch(`${url}/providers`)).json()) as { message: string };
      const told = seen.connect?.slice(2) ?? '';
      expect(seen).to.deep.equal(
        Object.fromEntries(Object.keys(seen).map((name) => [name, `${Code.FailedPrecondition} ${told}`])),
      );
      expect(rest.message).to.equal(told);
      if (index < 2) expect(told).to.equal(sentence);
    });

  it('is percent-encoded once, and only where gRPC asks for it', async () => {
    const { url } = await openServer({ interceptors: throwing('50 % of “a” (b)\n') });
    const session = http2.connect(url);
    const stream = session.request({ ':path': RPC, ':method': 'POST', 'content-type': 'application/grpc' });
    stream.end(Buffer.alloc(5));
    stream.resume();
    const told: Record<string, unknown> = {};
    stream.on('trailers', (trailers) => Object.assign(told, trailers));
    stream.on('response', (headers) => Object.assign(told, headers));
    await once(stream, 'close');
    session.destroy();
    expect(told['grpc-message']).to.equal('50 %25 of %E2%80%9Ca%E2%80%9D (b)%0A');
  });
});
