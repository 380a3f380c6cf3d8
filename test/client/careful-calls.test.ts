import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  ConnectError,
  createIntegrationsClient,
  ListProvidersResponseSchema,
  type NodeClientOptions,
} from '@smartid/integrations-client';
import { createIntegrationsClient as createBrowserClient } from '@smartid/integrations-client/browser';
import { expect } from 'chai';
import { type Listening, listenOn } from '../support/listen.js';

type Respond = (request: IncomingMessage, response: ServerResponse, nth: number) => void;

const answer = (
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
) => {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};
const done = (response: ServerResponse, message: Uint8Array = new Uint8Array()) =>
  response.writeHead(200, { 'Content-Type': 'application/proto' }).end(message);
const PROVIDERS = toBinary(
  ListProvidersResponseSchema,
  create(ListProvidersResponseSchema, { providers: [{ provider: 'MOODLE' }] }),
);
const busy = (response: ServerResponse, retryAfter?: string, code = 'unavailable') =>
  answer(
    response,
    503,
    { code, message: 'busy' },
    retryAfter === undefined ? {} : { 'Retry-After': retryAfter },
  );

describe('the typed client, on a service that falters', () => {
  const open: Listening[] = [];
  afterEach(() => Promise.all(open.splice(0).map((server) => server.close())));

  /** A client of a service that answers as it is told; what came is kept, with the milliseconds since the first. */
  async function client(respond: Respond, options: Partial<NodeClientOptions> = {}) {
    const asked: { headers: IncomingMessage['headers']; url: string; ms: number }[] = [];
    let first: number | undefined;
    const server = await listenOn((request, response) => {
      first ??= performance.now();
      asked.push({ headers: request.headers, url: request.url ?? '', ms: performance.now() - first });
      request.resume().on('end', () => respond(request, response, asked.length));
    });
    open.push(server);
    return { asked, url: server.url, client: createIntegrationsClient({ baseUrl: server.url, ...options }) };
  }

  it('repeats what reads, after the wait that is asked for', async () => {
    const { asked, client: service } = await client((_, response, nth) =>
      nth === 1 ? busy(response, '1') : done(response, PROVIDERS),
    );
    const { providers } = await service.listProviders({});
    expect(providers.map(({ provider }) => provider)).to.deep.equal(['MOODLE']);
    expect(asked).to.have.length(2);
    expect(asked[1]?.ms).to.be.greaterThan(950);
  });

  for (const code of ['unavailable', 'aborted', 'resource_exhausted']) {
    it(`repeats what is the same when it is done twice, when the answer is ${code}`, async () => {
      const { asked, client: service } = await client((_, response, nth) =>
        nth < 3 ? busy(response, '0', code) : done(response),
      );
      await service.putStudent({ institutionId: randomUUID(), id: randomUUID() });
      expect(asked).to.have.length(3);
      expect(asked.map(({ headers }) => headers['idempotency-key'])).to.deep.equal([
        undefined,
        undefined,
        undefined,
      ]);
    });
  }

  it('repeats what twice would be something else under one key, which is of that call alone', async () => {
    const { asked, client: service } = await client((_, response, nth) =>
      nth % 2 === 1 ? busy(response, '0') : done(response),
    );
    for (const _ of [1, 2]) await service.syncData({ id: randomUUID() });
    const keys = asked.map(({ headers }) => headers['idempotency-key']);
    expect(keys).to.have.length(4);
    expect(keys).to.deep.equal([keys[0], keys[0], keys[2], keys[2]]);
    expect(keys[0]).not.to.equal(keys[2]);
    for (const key of keys) expect(key).to.match(/^[0-9a-f]{32}$/);
  });

  it('repeats under the key of the caller, where he has one', async () => {
    const { asked, client: service } = await client((_, response, nth) =>
      nth < 2 ? busy(response, '0') : done(response),
    );
    await service.syncData({ id: randomUUID() }, { headers: { 'Idempotency-Key': 'mine' } });
    expect(asked.map(({ headers }) => headers['idempotency-key'])).to.deep.equal(['mine', 'mine']);
  });

  it('repeats so often as it is told, not for errors that stay, nor for a wait that is too long', async () => {
    const none = await client((_, response) => busy(response, '0'), { retry: false });
    await none.client.listProviders({}).catch(() => {});
    expect(none.asked).to.have.length(1);
    const twice = await client((_, response) => busy(response, '0'), { retry: { most: 2 } });
    await twice.client.listProviders({}).catch(() => {});
    expect(twice.asked).to.have.length(3);
    const wrong = await client((_, response) => answer(response, 400, { code: 'invalid_argument' }));
    await wrong.client.listProviders({}).catch(() => {});
    expect(wrong.asked).to.have.length(1);
    const later = await client((_, response) => busy(response, '3600'));
    await later.client.listProviders({}).catch(() => {});
    expect(later.asked).to.have.length(1);
  });

  it('ends its wait when the caller leaves, or when the time is over', async () => {
    const leaving = new AbortController();
    const { asked, client: service } = await client((_, response) => {
      busy(response, '20');
      setImmediate(() => leaving.abort());
    });
    const begun = performance.now();
    const left = await service.listProviders({}, { signal: leaving.signal }).catch(ConnectError.from);
    expect(left).to.be.instanceOf(ConnectError);
    const late = await service.listProviders({}, { timeoutMs: 300 }).catch(ConnectError.from);
    expect(late).to.be.instanceOf(ConnectError);
    expect(performance.now() - begun).to.be.lessThan(10_000);
    expect(asked).to.have.length(2);
  });

  it('asks for a token before each attempt', async () => {
    let given = 0;
    const { asked, client: service } = await client(
      (_, response, nth) => (nth === 1 ? busy(response, '0') : done(response)),
      { token: async () => `token-${++given}` },
    );
    await service.listProviders({});
    expect(asked.map(({ headers }) => headers.authorization)).to.deep.equal([
      'Bearer token-1',
      'Bearer token-2',
    ]);
  });

  it('shows its token in no address and in no error, whatever the token is', async () => {
    const SECRET = 'very-secret-token';
    const { asked, url } = await client((_, response) => busy(response, '3600'));
    const clients = [
      createIntegrationsClient({ baseUrl: url, token: SECRET }),
      createIntegrationsClient({ baseUrl: url, token: `${SECRET}\n` }),
      createIntegrationsClient({ baseUrl: url, token: `${SECRET} ñ`, protocol: 'grpc' }),
      createBrowserClient({ baseUrl: url, token: `${SECRET}\r\nX-Other: 1` }),
      createBrowserClient({ baseUrl: 'http://127.0.0.1:1', token: SECRET, retry: false }),
      createBrowserClient({ baseUrl: url, token: () => SECRET, protocol: 'grpc-web' }),
    ];
    for (const one of clients) {
      const error = await one.listProviders({}).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(ConnectError);
      const shown = [String(error), (error as Error).stack, JSON.stringify(error), everythingOf(error)].join(
        '\n',
      );
      expect(shown).to.not.contain(SECRET);
    }
    for (const { url: address } of asked) expect(address).to.not.contain(SECRET);
    const withPassword = 'http://ana:very-secret-token@127.0.0.1';
    expect(() => createIntegrationsClient({ baseUrl: withPassword })).to.throw(/no user and no password/);
    expect(() => createIntegrationsClient({ baseUrl: 'not an address' })).to.throw(/http/);
  });
});

/** All that a log could show of an error: its fields, those of its causes, and its headers. */
function everythingOf(error: unknown, seen = new Set<unknown>()): string {
  if (error === null || typeof error !== 'object' || seen.has(error)) return String(error);
  seen.add(error);
  if (error instanceof Headers) return JSON.stringify([...error]);
  return Object.getOwnPropertyNames(error)
    .map((name) => everythingOf((error as Record<string, unknown>)[name], seen))
    .join('\n');
}
