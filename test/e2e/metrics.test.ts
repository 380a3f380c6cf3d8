import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { parse } from 'yaml';
import { IdukayGateway, makeIdukaySchool } from '../support/idukay/index.js';
import { type Listening, listenOn } from '../support/listen.js';
import { parseMetrics, type Sample, sumOf } from '../support/prometheus.js';
import { rest, startService, type TestService, TOKEN } from '../support/service.js';
import { until } from '../support/until.js';

const SYNC = { service: 'smartid.integrations.v1.IntegrationService', method: 'SyncData', protocol: 'rest' };

interface Line {
  level: number;
  rpc?: string;
  requestId?: string;
  [fact: string]: unknown;
}

/** Asks for the providers over HTTP/2; returns how many bytes the answer has. */
async function overHttp2Of(url: string): Promise<number> {
  const session = connect(url);
  const headers = { Authorization: `Bearer ${TOKEN}`, 'X-Request-Id': 'over-http2' };
  const body = await buffer(session.request({ ':path': '/providers', ...headers }));
  session.close();
  return body.length;
}

describe('a service that was used', () => {
  let school: Listening;
  let service: TestService;
  let samples: Sample[];
  /** Bytes of an answer over HTTP/2. */
  let overHttp2: number;
  /** What each call was, by the request id it was made with. */
  const answers: Record<string, { status: number; body: Record<string, unknown> }> = {};

  before(async () => {
    const lists = makeIdukaySchool({ students: 30, courses: 1, teachers: 1 });
    const gateway = new IdukayGateway({ lists });
    let letGo = Promise.resolve();
    let isAsked = false;
    school = await listenOn((request, response) => {
      isAsked = true;
      void letGo.then(() => gateway.handle(request, response));
    });
    service = await startService();
    const { url } = service;
    const call = async (name: string, method: string, path: string, body?: unknown) => {
      answers[name] = await rest(url, method, path, body, { 'X-Request-Id': name });
      return answers[name].body;
    };
    const institutionId = randomUUID();
    const { id } = await call('create', 'POST', '/integrations', {
      institutionId,
      provider: 'IDUKAY',
      config: { apiUrl: school.url, institutionCode: gateway.institutionCode },
      credentials: { apiKey: gateway.apiKey },
    });
    const integration = `/integrations/${id}`;
    await call('first', 'POST', `${integration}/sync`, {});
    const all = lists.estudiantes;
    lists.estudiantes = all.slice(0, 5);
    await call('held', 'POST', `${integration}/sync`, { entityType: 'STUDENT' });
    gateway.vices.keyState = 'refused';
    await call('failed', 'POST', `${integration}/sync`, { entityType: 'STUDENT' });
    gateway.vices.keyState = 'ok';
    const group = (await rest(url, 'GET', `/institutions/${institutionId}/groups`)).body[0];
    const students = (await rest(url, 'GET', `${integration}/mappings?entityType=STUDENT`)).body;
    const session = `/institutions/${institutionId}/class-sessions/${randomUUID()}`;
    const times = { startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:30:00Z' };
    await call('session', 'PUT', session, { groupId: group.id, ...times });
    const [refused, taken] = students as { internalId: string; externalId: string }[];
    gateway.vices.refused.add(refused?.externalId as string);
    const records = [refused, taken].map((student) => ({
      studentId: student?.internalId,
      status: 'PRESENT',
    }));
    await call('record', 'POST', `${session}/attendance`, { records });
    await call('send', 'POST', `${integration}/send-attendance`, { sessionId: session.split('/').at(-1) });
    await call('unknown', 'GET', `/integrations/${randomUUID()}`);
    await call('nowhere', 'GET', '/a-path-that-is-a-secret');
    await fetch(`${url}/providers`, { headers: { 'X-Request-Id': 'no-token' } });
    // Somebody who leaves while the sync goes on.
    let release = () => {};
    letGo = new Promise((resolve) => {
      release = resolve;
    });
    isAsked = false;
    const leaving = new AbortController();
    const left = fetch(`${url}${integration}/sync`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${TOKEN}`,
        'X-Request-Id': 'left',
        'Content-Type': 'application/json',
      },
      body: '{"entityType":"TEACHER"}',
      signal: leaving.signal,
    }).catch(() => {});
    await until(() => isAsked);
    leaving.abort();
    await left;
    release();
    await until(() => service.log.some((line) => line.includes('"requestId":"left"')));
    // Nobody waits for the run any more: it goes on by itself.
    await until(async () => {
      const { body } = await rest(url, 'GET', `${integration}/runs?entityType=TEACHER`);
      return body[0].status === 'COMPLETED';
    });
    overHttp2 = await overHttp2Of(url);
    samples = parseMetrics(await scrape());
  });

  after(async () => {
    await service?.stop();
    await school?.close();
  });

  async function scrape(): Promise<string> {
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const response = await fetch(`${service.url}/metrics`, { headers });
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
    return response.text();
  }

  it('did what the other tests look for', () => {
    const outcomes = ['first', 'held', 'failed'].map((name) => answers[name]?.body.status);
    expect(outcomes).to.deep.equal(['COMPLETED', 'HELD', 'FAILED']);
    expect(answers.send?.body).to.include({ success: false, sent: 1 });
  });

  it('shows calls by method, protocol and code, with their durations', () => {
    const count = 'smartid_call_duration_seconds_count';
    expect(sumOf(samples, count, { ...SYNC, code: 'ok' })).to.equal(3);
    expect(sumOf(samples, count, { ...SYNC, code: 'canceled' })).to.equal(1);
    expect(sumOf(samples, count, { method: 'GetIntegration', code: 'not_found' })).to.equal(1);
    expect(sumOf(samples, count, { method: 'ListProviders', code: 'unauthenticated' })).to.equal(1);
    expect(sumOf(samples, count, { service: '', code: 'not_found' })).to.equal(1);
    expect(sumOf(samples, 'smartid_call_duration_seconds_bucket', { ...SYNC, le: '+Inf' })).to.equal(4);
    expect(sumOf(samples, 'smartid_call_faults_total')).to.equal(0);
  });

  it('shows runs by outcome and provider, and each outcome before it happens', () => {
    const runs = (outcome: string, provider = 'IDUKAY') =>
      sumOf(samples, 'smartid_sync_runs_total', { outcome, provider });
    expect([runs('COMPLETED'), runs('HELD'), runs('FAILED')]).to.deep.equal([2, 1, 1]);
    expect([runs('INTERRUPTED'), runs('FAILED', 'MOODLE')]).to.deep.equal([0, 0]);
    const timed = { provider: 'IDUKAY', entity_type: 'STUDENT', kind: 'SYNC' };
    const name = 'smartid_sync_run_duration_seconds_count';
    expect(sumOf(samples, name, { ...timed, outcome: 'COMPLETED' })).to.equal(1);
    expect(sumOf(samples, name, { ...timed, outcome: 'HELD' })).to.equal(1);
  });

  it('shows the rows that were read and written, none that only a held plan would write', () => {
    const rows = (result: string) =>
      sumOf(samples, 'smartid_sync_rows_total', { entity_type: 'STUDENT', result });
    expect([
      rows('created'),
      rows('read'),
      rows('unchanged'),
      rows('deactivated'),
      rows('missing'),
    ]).to.deep.equal([30, 35, 5, undefined, undefined]);
  });

  it('shows what became of marks, and what waits', () => {
    const sent = (status: string) =>
      sumOf(samples, 'smartid_deliveries_total', { provider: 'IDUKAY', status });
    expect((sent('SENT') ?? 0) + (sent('CONFIRMED') ?? 0)).to.equal(1);
    expect(sent('FAILED')).to.equal(1);
    expect(sumOf(samples, 'smartid_queue_deliveries', { status: 'FAILED' })).to.equal(1);
    expect(sumOf(samples, 'smartid_queue_deliveries', { status: 'QUEUED' })).to.equal(0);
    expect(sumOf(samples, 'smartid_queue_runs')).to.equal(0);
    expect(sumOf(samples, 'smartid_held_plans', { provider: 'IDUKAY' })).to.equal(1);
    const since = sumOf(samples, 'smartid_oldest_held_plan_timestamp_seconds') as number;
    expect(Date.now() / 1_000 - since).to.be.within(-5, 300);
  });

  it('shows exchanges with the school by host and status', () => {
    const { host } = new URL(school.url);
    expect(sumOf(samples, 'smartid_outbound_calls_total', { host, status: '200' })).to.be.above(3);
    expect(sumOf(samples, 'smartid_outbound_calls_total', { host, status: '401' })).to.be.above(0);
    expect(sumOf(samples, 'smartid_outbound_call_duration_seconds_count', { host })).to.be.above(4);
  });

  it('shows the pool, the event loop, the process, and the last success of each integration', () => {
    expect(sumOf(samples, 'smartid_pool_size')).to.be.within(1, 20);
    // Schedules and events look for work by themselves, and the embedded database has one connection.
    expect(sumOf(samples, 'smartid_pool_waiting')).to.be.within(0, 5);
    expect(sumOf(samples, 'nodejs_eventloop_lag_max_seconds')).to.be.above(0);
    expect(sumOf(samples, 'process_cpu_seconds_total')).to.be.above(0);
    expect(sumOf(samples, 'smartid_build_info')).to.equal(1);
    expect(sumOf(samples, 'smartid_integrations', { provider: 'IDUKAY' })).to.equal(1);
    const last = sumOf(samples, 'smartid_last_success_timestamp_seconds', { provider: 'IDUKAY' }) as number;
    expect(Date.now() / 1_000 - last).to.be.within(-5, 300);
  });

  it('keeps metrics from callers without a good token, with a sentence, unless METRICS_OPEN says otherwise', async () => {
    const asked = async (headers: Record<string, string>) => {
      const response = await fetch(`${service.url}/metrics`, { headers });
      return { status: response.status, text: await response.text() };
    };
    for (const headers of [{}, { Authorization: 'Bearer wrong' }] as Record<string, string>[]) {
      const { status, text } = await asked(headers);
      expect(status).to.equal(401);
      expect(text).to.include('METRICS_OPEN=true').and.not.to.include('smartid_');
    }
  });

  it('tells its version to everybody', async () => {
    const response = await fetch(`${service.url}/version`);
    const { version, node, schema, commit } = (await response.json()) as Record<string, string>;
    const own = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(version).to.equal(own.version);
    expect(node).to.equal(process.versions.node);
    expect(schema).to.match(/^\d{4}-[a-z-]+$/);
    expect(commit ?? '0000000').to.match(/^[0-9a-f]{7,64}$/);
    expect((await fetch(`${service.url}/version`, { method: 'POST' })).status).to.equal(405);
  });

  describe('has one line of the log for each call', () => {
    async function lineOf(requestId: string): Promise<Line> {
      const lines = () =>
        service.log
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line) as Line)
          .filter((line) => line.requestId === requestId);
      await until(() => lines().length > 0);
      expect(lines()).to.have.length(1);
      return lines()[0] as Line;
    }

    it('that tells a good sync from one that is held and one that failed', async () => {
      const first = await lineOf('first');
      expect(first).to.deep.include({
        level: 30,
        code: 'ok',
        status: 200,
        outcome: 'COMPLETED',
        actor: 'admin',
      });
      expect(first.runId).to.equal(answers.first?.body.runId);
      expect(first.counts).to.include({ created: 33 });
      const held = await lineOf('held');
      expect(held).to.deep.include({
        level: 40,
        code: 'ok',
        outcome: 'HELD',
        runId: answers.held?.body.runId,
      });
      const failed = await lineOf('failed');
      expect(failed).to.deep.include({ level: 40, code: 'ok', outcome: 'FAILED' });
    });

    it('that says how many marks arrived', async () => {
      expect(await lineOf('send')).to.deep.include({ level: 40, outcome: 'FAILED', sent: 1, errors: 1 });
    });

    it('with the bytes of question and answer, and no token where there was none', async () => {
      const line = await lineOf('first');
      expect(line).to.include({ protocol: 'rest', bytesIn: 2 });
      // As it was sent: JSON of the same length, but for spaces that there are none of.
      expect(line.bytesOut).to.equal(Buffer.byteLength(JSON.stringify(answers.first?.body)));
      const refused = await lineOf('no-token');
      expect(refused).to.include({ level: 30, code: 'unauthenticated', status: 401 });
      expect(refused).not.to.have.property('actor');
    });

    it('over HTTP/2 too, with the bytes of the answer', async () => {
      const line = await lineOf('over-http2');
      expect(line).to.include({ code: 'ok', status: 200, bytesOut: overHttp2 });
    });

    it('also of one whose caller has left, and whose run goes on', async () => {
      const line = await lineOf('left');
      expect(line).to.include({ rpc: `${SYNC.service}/SyncData`, code: 'canceled', bytesOut: 0 });
    });

    it('also of a request that reached no call, without its path', async () => {
      expect(await lineOf('nowhere')).to.deep.include({ code: 'not_found', status: 404, httpMethod: 'GET' });
      expect(service.log.join('\n')).not.to.include('a-path-that-is-a-secret');
    });
  });

  describe('has every metric, with its labels,', () => {
    const own = /\b(?:smartid|process|nodejs)_\w+\b(?:\{([^}]*)\})?/g;

    /** The metrics of an expression that the scrape lacks, or whose labels it lacks. */
    function lacking(expression: string): string[] {
      return [...expression.matchAll(own)].flatMap(([selector, matchers = '']) => {
        const name = selector.replace(/\{.*/, '');
        const found = samples.filter((sample) => sample.name === name);
        const labels = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label as string);
        const isThere = found.some((sample) => labels.every((label) => label in sample.labels));
        return isThere ? [] : [selector];
      });
    }

    it('that the dashboard shows', async () => {
      const dashboard = JSON.parse(await readFile('docs/operations/dashboard.json', 'utf8'));
      const expressions: string[] = dashboard.panels.flatMap((panel: { targets?: { expr: string }[] }) =>
        (panel.targets ?? []).map(({ expr }) => expr),
      );
      expect(expressions.length).to.be.above(15);
      expect(expressions.flatMap(lacking)).to.deep.equal([]);
      for (const expression of expressions) expect(expression).to.match(/smartid_|process_|nodejs_/);
    });

    it('that the alert rules look at, and each rule says what to do', async () => {
      const { groups } = parse(await readFile('docs/operations/alerts.yml', 'utf8'));
      const rules = groups.flatMap((group: { rules: unknown[] }) => group.rules);
      expect(rules.length).to.be.above(8);
      for (const rule of rules) {
        expect(rule.alert).to.match(/^Smartid[A-Za-z]+$/);
        expect(rule.labels.severity).to.be.oneOf(['critical', 'warning']);
        expect(rule.annotations.summary).to.be.a('string').and.not.equal('');
        expect(rule.annotations.description).to.be.a('string').and.not.equal('');
        expect(rule.expr).to.match(/smartid_|nodejs_/);
        expect(lacking(rule.expr)).to.deep.equal([]);
      }
    });
  });
});
