import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { readEvents, type SentEvent } from '../support/events.js';
import { gate } from '../support/gate.js';
import { IdukayGateway, makeIdukaySchool } from '../support/idukay/index.js';
import { type Listening, listenOn } from '../support/listen.js';
import { rest, sharedService, startService, type TestService, TOKEN } from '../support/service.js';
import { until } from '../support/until.js';

interface RunMessage {
  id: string;
  status: string;
  attempt: number;
  failures: { attempt: number; reason: string }[];
  counts: { created: number };
}

async function create(service: TestService, input: object): Promise<string> {
  const { status, body } = await rest(service.url, 'POST', '/integrations', {
    institutionId: randomUUID(),
    ...input,
  });
  expect(status, JSON.stringify(body)).to.equal(201);
  return body.id;
}

/** An integration with a school of one student in a file. */
async function csvSchool(service: TestService): Promise<string> {
  const name = randomUUID();
  await mkdir(join(service.files, name), { recursive: true });
  await writeFile(join(service.files, name, 'students.csv'), 'id,nombres\n1,Ana\n');
  return create(service, { provider: 'GENERIC_CSV', config: { importPath: name } });
}

const runOf = async (service: TestService, id: string, runId: string): Promise<RunMessage> =>
  (await rest(service.url, 'GET', `/integrations/${id}/runs/${runId}`)).body;

describe('syncs over REST as jobs', () => {
  it('are begun by POST with 201 and the place of the run, and watched as events until they end', async () => {
    const service = await sharedService();
    const id = await csvSchool(service);
    const begun = await rest(service.url, 'POST', `/integrations/${id}/runs`, { entityType: 'STUDENT' });
    expect(begun.status).to.equal(201);
    expect(begun.body).to.include({ status: 'QUEUED', kind: 'SYNC', entityType: 'STUDENT' });
    const path = `/integrations/${id}/runs/${begun.body.id}`;
    expect(begun.headers.get('location')).to.equal(path);
    const events: SentEvent[] = [];
    for await (const event of readEvents(`${service.url}${path}/watch`)) events.push(event);
    const last = events.at(-2) as SentEvent & { data: { run: RunMessage } };
    expect(last.data.run).to.deep.include({ id: begun.body.id, status: 'COMPLETED' });
    expect(events.at(-1)).to.deep.equal({ event: 'end', id: 'end', data: {} });
    expect(events.map(({ id: number }) => number)).to.deep.equal([
      ...events.slice(1).map((_, at) => String(at + 1)),
      'end',
    ]);
  });

  it('are not watched again by a browser that comes back after the end', async () => {
    const service = await sharedService();
    const id = await csvSchool(service);
    const { body } = await rest(service.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    const again = await fetch(`${service.url}/integrations/${id}/runs/${body.runId}/watch`, {
      headers: { Authorization: `Bearer ${TOKEN}`, 'Last-Event-ID': 'end' },
    });
    expect(again.status).to.equal(204);
  });

  it('that there are not are told of as an error, not as events', async () => {
    const service = await sharedService();
    const id = await csvSchool(service);
    const { status, body } = await rest(service.url, 'GET', `/integrations/${id}/runs/${randomUUID()}/watch`);
    expect({ status, code: body.code }).to.deep.equal({ status: 404, code: 'not_found' });
  });

  it('that have ended cannot be canceled, and tell how they ended', async () => {
    const service = await sharedService();
    const id = await csvSchool(service);
    const { body } = await rest(service.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    const path = `/integrations/${id}/runs/${body.runId}/cancel`;
    const refused = await rest(service.url, 'POST', path, { reason: 'late' });
    expect(refused.body).to.deep.include({
      code: 'failed_precondition',
      message: `Run ${body.runId} has ended as COMPLETED.`,
    });
  });

  it('a list is sent as events to whoever asks for them', async () => {
    const service = await sharedService();
    const id = await csvSchool(service);
    await rest(service.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    const events: SentEvent[] = [];
    const asked = readEvents(`${service.url}/integrations/${id}/mappings`, { Accept: 'text/event-stream' });
    for await (const event of asked) events.push(event);
    expect(events.map(({ event }) => event)).to.deep.equal(['message', 'end']);
    expect(events[0]?.data).to.include({ externalId: '1' });
  });
});

describe('syncs over several processes', () => {
  let databaseUrl: string;
  let serving: TestService;
  let school: Listening;
  let go = gate();
  let asked = 0;
  const idukay = new IdukayGateway({ lists: makeIdukaySchool({ students: 12, courses: 2 }) });
  const processes: TestService[] = [];
  const key = { CREDENTIAL_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}` };

  const start = async (workers: number) => {
    const service = await startService({
      env: { DATABASE_URL: databaseUrl, WORKERS: String(workers), ...key },
    });
    processes.push(service);
    return service;
  };
  /** An integration with a school that answers once the gate is open. */
  const newSchool = () => {
    go = gate();
    asked = 0;
    const { apiKey, institutionCode } = idukay;
    return create(serving, {
      provider: 'IDUKAY',
      config: { apiUrl: school.url },
      credentials: { apiKey, institutionCode },
    });
  };
  const begin = async (id: string) =>
    (await rest(serving.url, 'POST', `/integrations/${id}/runs`, { entityType: 'STUDENT' })).body
      .id as string;

  before(async function () {
    if (!testDatabaseUrl) return this.skip();
    databaseUrl = (await freshDatabaseUrl()) as string;
    school = await listenOn(async (request, response) => {
      asked += 1;
      await go.opened;
      idukay.handle(request, response);
    });
    serving = await start(0);
  });
  after(async () => {
    go.open();
    await Promise.all(processes.map((service) => service.stop('SIGKILL')));
    await school?.close();
  });

  it('one that is killed leaves its run to another, which goes on within 30 seconds and says why', async function () {
    this.timeout(120_000);
    const first = await start(1);
    const id = await newSchool();
    const runId = await begin(id);
    await until(() => asked > 0);
    const second = await start(1);
    await first.stop('SIGKILL');
    const killed = performance.now();
    const before = asked;
    await until(() => asked > before);
    expect(performance.now() - killed).to.be.below(30_000);
    go.open();
    await until(async () => (await runOf(serving, id, runId)).status === 'COMPLETED');
    const run = await runOf(serving, id, runId);
    expect(run).to.deep.include({ attempt: 2 });
    expect(run.failures).to.have.length(1);
    expect(run.failures[0]?.reason).to.match(
      new RegExp(`:${first.process.pid} was not heard of any more after READ had begun`),
    );
    await second.stop();
  });

  it('one that ends hands its run back, and another does it, with no attempt failed', async function () {
    this.timeout(120_000);
    const first = await start(1);
    const id = await newSchool();
    const runId = await begin(id);
    await until(() => asked > 0);
    const second = await start(1);
    const before = asked;
    expect(await first.stop('SIGTERM')).to.equal(0);
    await until(() => asked > before);
    go.open();
    await until(async () => (await runOf(serving, id, runId)).status === 'COMPLETED');
    expect((await runOf(serving, id, runId)).failures).to.deep.equal([]);
    await second.stop();
  });

  it('a run is canceled and watched by way of a process that does not work on it', async function () {
    this.timeout(120_000);
    const working = await start(1);
    const id = await newSchool();
    const runId = await begin(id);
    const statuses: string[] = [];
    const watched = (async () => {
      for await (const { event, data } of readEvents(`${serving.url}/integrations/${id}/runs/${runId}/watch`))
        if (event === 'message') statuses.push((data as { run: RunMessage }).run.status);
    })();
    await until(() => asked > 0 && statuses.includes('RUNNING'));
    const at = performance.now();
    const { body } = await rest(serving.url, 'POST', `/integrations/${id}/runs/${runId}/cancel`, {});
    expect(body).to.include({ status: 'CANCELED' });
    expect(performance.now() - at).to.be.below(2_500);
    await watched;
    expect(statuses.at(-1)).to.equal('CANCELED');
    await working.stop();
  });

  it('a caller of SyncData gets the report of a run that another process did', async function () {
    this.timeout(120_000);
    const working = await start(1);
    const id = await newSchool();
    go.open();
    const { body } = await rest(serving.url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' });
    expect(body).to.include({ success: true, status: 'COMPLETED', synced: 12 });
    expect(body.mappings).to.have.length(12);
    await working.stop();
  });
});
