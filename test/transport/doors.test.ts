import http from 'node:http';

import {
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  type HandlerContext,
  type Transport,
} from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { expect } from 'chai';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { SyncRun_Status } from '../../gen/smartid/integrations/v1/sync_pb.js';
import { createLogger } from '../../src/observability/index.js';
import { accessLog } from '../../src/rpc/interceptors/access-log.js';
import { openServer } from '../support/transport.js';
import { until } from '../support/until.js';

const ID = '00000000-0000-4000-8000-000000000001';
const LONG = 'ñ'.repeat(30_000);
const mapping = (externalId: string) => ({ externalId, metadata: { a: [1, null, 'ñ'] }, status: 1 });
let context: HandlerContext | undefined;

function routes(router: ConnectRouter) {
  router.service(IntegrationService, {
    async getMappings({ pageToken }, given) {
      context = given;
      if (pageToken) throw new ConnectError('That token is none.', Code.InvalidArgument);
      given.responseHeader.set('x-seen', 'yes');
      given.responseTrailer.set('x-after', 'also');
      return { mappings: [mapping('A'), mapping(LONG)], nextPageToken: 'next' };
    },
    async syncData() {
      return { runId: ID, status: SyncRun_Status.COMPLETED, counts: { created: 2 } };
    },
    async *streamMappings({ pageToken }) {
      // Two at once, none, and one alone.
      yield [mapping('A'), mapping(LONG)].map((row) => ({ mapping: row })) as never;
      yield [] as never;
      yield { mapping: mapping('C') };
      if (pageToken) throw new ConnectError('That token is none.', Code.InvalidArgument);
    },
  });
}

const open = async () => (await openServer({ routes })).url;

const transports: Record<string, (baseUrl: string) => Transport> = {};
for (const useBinaryFormat of [true, false]) {
  const form = useBinaryFormat ? 'binary' : 'JSON';
  transports[`gRPC, ${form}`] = (baseUrl) => createGrpcTransport({ baseUrl, useBinaryFormat });
  transports[`gRPC-Web, ${form}`] = (baseUrl) =>
    createGrpcWebTransport({ baseUrl, useBinaryFormat, httpVersion: '1.1' });
  for (const httpVersion of ['1.1', '2'] as const)
    transports[`Connect, ${form}, HTTP/${httpVersion}`] = (baseUrl) =>
      createConnectTransport({ baseUrl, useBinaryFormat, httpVersion });
}
transports['Connect, JSON, GET'] = (baseUrl) =>
  createConnectTransport({ baseUrl, useBinaryFormat: false, httpVersion: '1.1', useHttpGet: true });

/** An answer as its bytes are. */
function post(url: string, rpc: string, type: string, body: string | Buffer, more: object = {}) {
  return new Promise<{ headers: http.IncomingHttpHeaders; body: string; status: number | undefined }>(
    (resolve, reject) => {
      const headers = { 'Content-Type': type, ...more };
      const path = `${url}/${IntegrationService.typeName}/${rpc}`;
      const request = http.request(path, { method: 'POST', headers }, async (response) => {
        const pieces: Buffer[] = [];
        for await (const piece of response) pieces.push(piece);
        const text = Buffer.concat(pieces).toString();
        resolve({ headers: response.headers, body: text, status: response.statusCode });
      });
      request.once('error', reject).end(body);
    },
  );
}

function enveloped(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

describe('every door', () => {
  for (const [name, transport] of Object.entries(transports)) {
    it(`gives the same answer, headers, streams and errors: ${name}`, async () => {
      const client = createClient(IntegrationService, transport(await open()));
      const seen: Headers[] = [];
      const page = await client.getMappings(
        { id: ID },
        { onHeader: (header) => seen.push(header), onTrailer: (trailer) => seen.push(trailer) },
      );
      expect(page.mappings.map(({ externalId, metadata }) => [externalId, metadata])).to.deep.equal(
        ['A', LONG].map((id) => [id, { a: [1, null, 'ñ'] }]),
      );
      expect(page.nextPageToken).to.equal('next');
      expect([seen[0]?.get('x-seen'), seen[1]?.get('x-after')]).to.deep.equal(['yes', 'also']);
      const error = await client.getMappings({ id: ID, pageToken: 'x' }).catch((thrown) => thrown);
      expect([error.code, error.rawMessage]).to.deep.equal([Code.InvalidArgument, 'That token is none.']);
      const rows: (string | undefined)[] = [];
      const stream = async (pageToken: string) => {
        for await (const row of client.streamMappings({ id: ID, pageToken }))
          rows.push(row.mapping?.externalId);
      };
      await stream('');
      const broken = await stream('x').catch((thrown) => thrown);
      expect(rows).to.deep.equal(['A', LONG, 'C', 'A', LONG, 'C']);
      expect([broken.code, broken.rawMessage]).to.deep.equal([Code.InvalidArgument, 'That token is none.']);
    });
  }

  it('is told of in the log, with its protocol and what the call came to', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = Object.assign(createLogger({ level: 'silent' }), {
      isLevelEnabled: () => true,
      info: (line: Record<string, unknown>) => lines.push(line),
    });
    const { url } = await openServer({ routes, interceptors: [accessLog(logger)], logger });
    const calls: Record<string, () => Promise<unknown>> = {};
    for (const [name, transport] of Object.entries(transports))
      calls[name] = () => createClient(IntegrationService, transport(url)).syncData({ id: ID });
    calls.REST = () => fetch(`${url}/integrations/${ID}/sync`, { method: 'POST' });
    for (const [name, call] of Object.entries(calls)) {
      await call();
      await until(() => lines.length === 1);
      const [line] = lines.splice(0);
      expect(line, name).to.deep.include({
        rpc: `${IntegrationService.typeName}/SyncData`,
        protocol: name.split(',', 1)[0]?.toLowerCase(),
        status: 200,
        outcome: 'COMPLETED',
        runId: ID,
        counts: { created: 2 },
      });
    }
  });

  it('leaves an unspecified enum out of JSON, and writes what is empty', async () => {
    const url = await open();
    const answers = [
      await post(url, 'GetMappings', 'application/json', JSON.stringify({ id: ID })),
      await post(url, 'StreamMappings', 'application/connect+json', enveloped(JSON.stringify({ id: ID }))),
      await post(url, 'GetMappings', 'application/grpc-web+json', enveloped(JSON.stringify({ id: ID }))),
      await post(url, 'StreamMappings', 'application/grpc-web+json', enveloped(JSON.stringify({ id: ID }))),
      await fetch(`${url}/integrations/${ID}/mappings`).then(async (response) => ({
        body: await response.text(),
        status: response.status,
      })),
    ];
    for (const { status, body } of answers) {
      expect(status).to.equal(200);
      expect(body)
        .to.contain('"externalId":"A"')
        .and.contain('"internalId":""')
        .and.contain('"status":"ACTIVE"');
      expect(body).not.to.contain('UNSPECIFIED').and.not.to.contain('entityType');
    }
  });

  it('of server-sent events has one for each message, also of those that were made together', async () => {
    const url = `${await open()}/integrations/${ID}/mappings`;
    const eventsOf = async (query: string) => {
      const answer = await fetch(url + query, { headers: { Accept: 'text/event-stream' } });
      return (await answer.text()).trimEnd().split('\n\n');
    };
    const [first, second, third, ...last] = await eventsOf('');
    const ids = [first, second, third].map((event, i) => {
      const [id, data] = (event as string).split('\n') as [string, string];
      expect(id).to.equal(`id: ${i + 1}`);
      return JSON.parse(data.replace('data: ', '')).externalId;
    });
    expect(ids).to.deep.equal(['A', LONG, 'C']);
    expect(last).to.deep.equal(['event: end\nid: end\ndata: {}']);
    const broken = await eventsOf('?pageToken=x');
    expect(broken).to.have.length(4);
    expect(broken[3]).to.match(/^event: error\ndata: \{"code":"invalid_argument"/);
  });

  it('says how long an answer is, and does not pack it for a caller on this machine', async () => {
    const { headers, body } = await post(await open(), 'GetMappings', 'application/json', '{}', {
      'Accept-Encoding': 'gzip',
    });
    expect(headers['content-encoding']).to.equal(undefined);
    expect(headers['content-length']).to.equal(String(Buffer.byteLength(body)));
  });

  it('tells an implementation when its caller stops waiting', async () => {
    const url = await open();
    for (const transport of [createGrpcTransport, createConnectTransport]) {
      const client = createClient(IntegrationService, transport({ baseUrl: url, httpVersion: '2' }));
      await client.getMappings({ id: ID }, { timeoutMs: 60_000 });
      expect(context?.timeoutMs()).to.be.within(1, 60_000);
      await client.getMappings({ id: ID });
      expect(context?.timeoutMs()).to.equal(undefined);
    }
  });

  it('refuses a time that is none, a packing it does not know, and more than one message', async () => {
    const url = await open();
    const timeout = { 'Connect-Timeout-Ms': 'soon' };
    expect((await post(url, 'GetMappings', 'application/json', '{}', timeout)).body).to.contain(
      'invalid_argument',
    );
    const packing = { 'Content-Encoding': 'br' };
    expect((await post(url, 'GetMappings', 'application/json', '{}', packing)).body).to.contain(
      'unimplemented',
    );
    expect((await post(url, 'GetMappings', 'text/plain', '{}')).status).to.equal(415);
    expect((await fetch(`${url}/${IntegrationService.typeName}/CreateIntegration`)).status).to.equal(405);
  });
});
