import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { createClient, type Interceptor } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { expect } from 'chai';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';
import { IdukayGateway, makeIdukaySchool } from '../support/idukay/index.js';
import { type Listening, listenOn } from '../support/listen.js';
import { type Collector, type ReceivedSpan, startCollector } from '../support/otlp/index.js';
import { rest, startService, type TestService, TOKEN } from '../support/service.js';
import { until } from '../support/until.js';

const NAME = 'Nadie Conoce A Esta Persona';

describe('traces', () => {
  let collector: Collector;
  let school: Listening;
  let service: TestService;
  let integration: string;
  const asked: IncomingHttpHeaders[] = [];

  before(async () => {
    collector = await startCollector();
    const lists = makeIdukaySchool({ students: 20, courses: 1 });
    lists.estudiantes = lists.estudiantes.map((student) => ({ ...student, nombres: NAME }));
    const gateway = new IdukayGateway({ lists });
    school = await listenOn((request, response) => {
      asked.push(request.headers);
      gateway.handle(request, response);
    });
    service = await startService({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/otlp/`,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=escuela%20uno',
        OTEL_SERVICE_NAME: 'integrations-of-a-test',
        TRACEPARENT_HOSTS: 'traced.example',
      },
    });
    const { body } = await rest(service.url, 'POST', '/integrations', {
      institutionId: randomUUID(),
      provider: 'IDUKAY',
      config: { apiUrl: school.url, institutionCode: gateway.institutionCode },
      credentials: { apiKey: gateway.apiKey },
    });
    integration = body.id;
  });

  after(async () => {
    await service?.stop();
    await school?.close();
    await collector?.close();
  });

  /** The spans of a trace, once the one of its call is there: that ends last. */
  /** The spans of a trace, once those whose names end so are there: what ends later is sent later. */
  async function traceOf(traceId: string, ...ends: string[]): Promise<ReceivedSpan[]> {
    const spans = () => collector.spans.filter((span) => span.traceId === traceId);
    await until(() => ends.every((end) => spans().some(({ name }) => name.endsWith(end))));
    return spans();
  }

  function traceparent(): { header: string; traceId: string; spanId: string } {
    const traceId = randomUUID().replaceAll('-', '');
    const spanId = traceId.slice(3, 19);
    return { header: `00-${traceId}-${spanId}-01`, traceId, spanId };
  }

  it('join the call, the run, its steps, the SQL and the school in the trace of the caller', async () => {
    const { header, traceId, spanId } = traceparent();
    const path = `/integrations/${integration}/sync`;
    const { body } = await rest(
      service.url,
      'POST',
      path,
      { entityType: 'STUDENT' },
      { traceparent: header },
    );
    expect(body.status).to.equal('COMPLETED');
    const spans = await traceOf(traceId, '/SyncData', 'job sync-runs');
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const way = (span: ReceivedSpan | undefined): string[] =>
      span === undefined ? [] : [...way(byId.get(span.parentId)), span.name];
    const named = (name: string) => spans.find((span) => span.name === name);
    const call = 'smartid.integrations.v1.IntegrationService/SyncData';
    expect(named(call)).to.deep.include({ parentId: spanId, status: 0, service: 'integrations-of-a-test' });
    expect(named(call)?.attributes).to.deep.include({
      'rpc.response.status_code': 'ok',
      'rpc.system': 'rest',
    });
    const host = new URL(school.url).host;
    const queue = ['enqueue sync-runs', 'job sync-runs'];
    expect(way(named(`GET ${host}`))).to.deep.equal([
      call,
      ...queue,
      'run SYNC STUDENT',
      'READ',
      `GET ${host}`,
    ]);
    expect(named(`GET ${host}`)?.attributes).to.deep.include({ 'http.response.status_code': 200 });
    expect(way(named('INSERT students'))).to.deep.equal([
      call,
      ...queue,
      'run SYNC STUDENT',
      'APPLY',
      'INSERT students',
    ]);
    const run = named('run SYNC STUDENT');
    expect(run?.attributes).to.deep.include({
      'smartid.run_id': body.runId,
      'smartid.provider': 'IDUKAY',
      'smartid.outcome': 'COMPLETED',
      'smartid.rows.created': 20,
    });
    const lost = spans.filter((span) => span.spanId !== named(call)?.spanId && !byId.has(span.parentId));
    expect(lost).to.deep.equal([]);
  });

  it('hold no value of a row, and no secret', async () => {
    await until(() => collector.spans.some(({ name }) => name === 'INSERT students'));
    const all = JSON.stringify(collector.spans);
    for (const value of [NAME, 'colegio.example', TOKEN, 'key-of-the-school'])
      expect(all).not.to.include(value);
  });

  it('go to the path of traces below the endpoint, with its headers', () => {
    expect(collector.calls[0]).to.have.property('path', '/otlp/v1/traces');
    expect(collector.calls[0]?.headers).to.have.property('x-tenant', 'escuela uno');
  });

  it('are told to no school system that the operator has not named', () => {
    expect(asked).not.to.have.length(0);
    expect(asked.filter((headers) => 'traceparent' in headers || 'tracestate' in headers)).to.deep.equal([]);
  });

  const protocols = {
    grpc: createGrpcTransport,
    'grpc-web': createGrpcWebTransport,
    connect: createConnectTransport,
  };
  for (const [protocol, createTransport] of Object.entries(protocols)) {
    it(`go on from a caller who speaks ${protocol}, also in what a stream asks of the database`, async () => {
      const { header, traceId, spanId } = traceparent();
      const withHeaders: Interceptor = (next) => (request) => {
        request.header.set('Authorization', `Bearer ${TOKEN}`);
        request.header.set('traceparent', header);
        return next(request);
      };
      const options = { baseUrl: service.url, httpVersion: '1.1' as const, interceptors: [withHeaders] };
      const client = createClient(IntegrationService, createTransport(options));
      const request = { id: integration, entityType: MappingEntityType.STUDENT };
      let rows = 0;
      for await (const _ of client.streamMappings(request)) rows += 1;
      expect(rows).to.equal(20);
      const spans = await traceOf(traceId, '/StreamMappings');
      const call = spans.find(({ name }) => name.endsWith('/StreamMappings'));
      expect(call).to.have.property('parentId', spanId);
      expect(call?.attributes).to.deep.include({ 'rpc.system': protocol, 'rpc.response.status_code': 'ok' });
      const select = spans.find(({ name }) => name === 'SELECT integration_mappings');
      expect(select).to.have.property('parentId', call?.spanId);
    });
  }

  it('are kept out where the caller has decided against them', async () => {
    const traceId = randomUUID().replaceAll('-', '');
    const header = `00-${traceId}-${traceId.slice(3, 19)}-00`;
    await rest(service.url, 'GET', '/providers', undefined, { traceparent: header });
    // A later call whose trace has arrived: the one before it would have, too.
    const later = traceparent();
    await rest(service.url, 'GET', '/providers', undefined, { traceparent: later.header });
    await traceOf(later.traceId, '/ListProviders');
    expect(collector.spans.filter((span) => span.traceId === traceId)).to.deep.equal([]);
  });

  it('are sent on to a school system that the operator has named', async () => {
    const traced = await startService({
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, TRACEPARENT_HOSTS: '127.0.0.1' },
    });
    try {
      const { body } = await rest(traced.url, 'POST', '/integrations', {
        institutionId: randomUUID(),
        provider: 'IDUKAY',
        config: { apiUrl: school.url, institutionCode: 'CSM' },
        credentials: { apiKey: 'key-of-the-school' },
      });
      asked.length = 0;
      const { header, traceId } = traceparent();
      await rest(traced.url, 'POST', `/integrations/${body.id}/test`, {}, { traceparent: header });
      const told = asked.map(({ traceparent: sent }) => sent);
      expect(told).not.to.have.length(0);
      for (const sent of told) expect(sent).to.match(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    } finally {
      await traced.stop();
    }
  });
});
