import { randomUUID } from 'node:crypto';
import { Code, ConnectError, createIntegrationsClient, ErrorInfoSchema } from '@smartid/integrations-client';
import { expect } from 'chai';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { gate } from '../support/gate.js';
import { listenOn } from '../support/listen.js';
import { rest, sharedService, startService, TOKEN } from '../support/service.js';
import { until } from '../support/until.js';
import { closeReceivers, webhookReceiver } from '../support/webhook-receiver.js';

const URL_OF_HOOK = 'http://127.0.0.1:9/hook';

/** Makes a subscription, whose secret is shown once, by each way in. */
const WAYS: Record<
  string,
  (
    url: string,
    institutionId: string,
    key: string,
    hook: string,
  ) => Promise<{ id: string; secret: string; replayed: string | null }>
> = {
  REST: async (url, institutionId, key, hook) => {
    const { status, headers, body } = await rest(
      url,
      'POST',
      `/institutions/${institutionId}/subscriptions`,
      { url: hook },
      { 'Idempotency-Key': key },
    );
    if (status !== 201)
      throw Object.assign(new Error(body.message), { reason: body.details[0].debug.reason, status });
    expect(headers.get('location')).to.contain(body.subscription.id);
    return { id: body.subscription.id, secret: body.secret, replayed: headers.get('idempotent-replayed') };
  },
};
for (const protocol of ['connect', 'grpc', 'grpc-web'] as const)
  WAYS[protocol] = async (url, institutionId, key, hook) => {
    let replayed: string | null = null;
    const onHeader = (header: Headers) => {
      replayed = header.get('idempotent-replayed');
    };
    const client = createIntegrationsClient({ baseUrl: url, token: TOKEN, protocol });
    try {
      const headers = { 'Idempotency-Key': key };
      const { subscription, secret } = await client.createSubscription(
        { institutionId, url: hook },
        { headers, onHeader },
      );
      return { id: subscription?.id ?? '', secret, replayed };
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      throw Object.assign(error, { reason: error.findDetails(ErrorInfoSchema)[0]?.reason });
    }
  };

/** An integration with a school that never answers. */
async function withSilentMoodle(url: string) {
  const silent = await listenOn(() => {});
  const { body } = await rest(url, 'POST', '/integrations', {
    institutionId: randomUUID(),
    provider: 'MOODLE',
    config: { apiUrl: silent.url },
    credentials: { wsToken: 'x' },
  });
  return { silent, id: body.id as string };
}

const subscriptionsOf = async (url: string, institutionId: string) =>
  (await rest(url, 'GET', `/institutions/${institutionId}/subscriptions`)).body as { id: string }[];

describe('a call with an Idempotency-Key', () => {
  after(closeReceivers);

  for (const [name, create] of Object.entries(WAYS))
    it(`by ${name}: is carried out once, and answered the same again, its secret too; another request is refused`, async () => {
      const { url } = await sharedService();
      const institutionId = randomUUID();
      const key = randomUUID();
      const one = await create(url, institutionId, key, URL_OF_HOOK);
      expect(one.secret).to.match(/^whsec_/);
      expect(one.replayed).to.equal(null);
      expect(await create(url, institutionId, key, URL_OF_HOOK)).to.deep.equal({ ...one, replayed: 'true' });
      for (const [where, hook] of [
        [institutionId, `${URL_OF_HOOK}2`],
        [randomUUID(), URL_OF_HOOK],
      ] as const) {
        const error = await create(url, where, key, hook).catch((thrown) => thrown);
        expect(error.reason).to.equal('IDEMPOTENCY_KEY_REUSED');
      }
      expect(await subscriptionsOf(url, institutionId)).to.have.length(1);
      expect((await create(url, institutionId, randomUUID(), URL_OF_HOOK)).id).not.to.equal(one.id);
    });

  it('is the same by every protocol, and in whatever order its JSON is', async () => {
    const { url } = await sharedService();
    const institutionId = randomUUID();
    const key = randomUUID();
    const ids: string[] = [];
    for (const create of Object.values(WAYS))
      ids.push((await create(url, institutionId, key, URL_OF_HOOK)).id);
    expect(new Set(ids).size).to.equal(1);
    const connected = async (config: object) =>
      (
        await rest(
          url,
          'POST',
          '/integrations',
          { institutionId, provider: 'GENERIC_CSV', config, credentials: {} },
          { 'Idempotency-Key': key },
        )
      ).body.id;
    const id = await connected({ importPath: 'a', exportPath: 'b' });
    expect(await connected({ exportPath: 'b', importPath: 'a' })).to.equal(id);
  });

  it('is answered by the same refusal again, with its fields, as long as it is refused for good', async () => {
    const { url } = await sharedService();
    const headers = { 'Idempotency-Key': randomUUID() };
    const institutionId = randomUUID();
    const path = `/institutions/${institutionId}/subscriptions`;
    const body = { url: 'ftp://example.org' };
    const one = await rest(url, 'POST', path, body, headers);
    expect(one.status).to.equal(400);
    const two = await rest(url, 'POST', path, body, headers);
    expect(two.headers.get('idempotent-replayed')).to.equal('true');
    expect(two.body).to.deep.equal(one.body);
    expect(two.headers.get('x-request-id')).not.to.equal(one.headers.get('x-request-id'));
    const removal = await rest(url, 'DELETE', `${path}/${randomUUID()}`, undefined, headers);
    expect(removal.status).to.equal(404);
  });

  it('that deletes is answered again as if it had deleted again', async () => {
    const { url } = await sharedService();
    const institutionId = randomUUID();
    const { id } = await (WAYS.REST as (typeof WAYS)[string])(url, institutionId, randomUUID(), URL_OF_HOOK);
    const path = `/institutions/${institutionId}/subscriptions/${id}`;
    const headers = { 'Idempotency-Key': 'delete it' };
    expect((await rest(url, 'DELETE', path, undefined, headers)).status).to.equal(204);
    expect((await rest(url, 'DELETE', path, undefined, headers)).status).to.equal(204);
    expect((await rest(url, 'DELETE', path)).status).to.equal(404);
  });

  it('is aborted with Retry-After while the first one is carried out', async () => {
    const { url } = await sharedService();
    const { open, opened } = gate();
    const receiver = await webhookReceiver(async () => {
      await opened;
      return 204;
    });
    const institutionId = randomUUID();
    const { id } = await (WAYS.REST as (typeof WAYS)[string])(url, institutionId, randomUUID(), receiver.url);
    const test = () =>
      rest(
        url,
        'POST',
        `/institutions/${institutionId}/subscriptions/${id}/test`,
        {},
        { 'Idempotency-Key': id },
      );
    const first = test();
    await until(() => receiver.received.length === 1);
    const second = await test();
    expect([second.status, second.headers.get('retry-after')]).to.deep.equal([409, '1']);
    expect(second.body).to.include({ code: 'aborted' });
    expect(second.body.details[0].debug.reason).to.equal('IDEMPOTENCY_KEY_IN_USE');
    open();
    const { body } = await first;
    expect(body).to.include({ success: true });
    expect((await test()).body).to.deep.equal(body);
    expect(receiver.received).to.have.length(1);
  });

  it('that began a run, and whose time was over before it ended, begins no other: it names the run again', async () => {
    const { url } = await sharedService();
    const { silent, id: integrationId } = await withSilentMoodle(url);
    const path = '/smartid.integrations.v1.IntegrationService/SyncData';
    const headers = { 'Idempotency-Key': randomUUID(), 'Connect-Timeout-Ms': '500' };
    const sync = async () =>
      (await rest(url, 'POST', path, { id: integrationId, entityType: 'STUDENT' }, headers)).body.details[0]
        .debug;
    const first = await sync();
    expect(first).to.include({ reason: 'SYNC_GOES_ON' });
    expect(await sync()).to.deep.equal(first);
    const runs = `/integrations/${integrationId}/runs`;
    expect((await rest(url, 'GET', runs)).body).to.have.length(1);
    await rest(url, 'POST', `${runs}/${first.metadata.runId}/cancel`, {});
    await silent.close();
  });

  it('gives its key back where others were in the way', async () => {
    const { url } = await sharedService();
    const { silent, id: integrationId } = await withSilentMoodle(url);
    const runs = `/integrations/${integrationId}/runs`;
    const started: string[] = [];
    // One that runs, and one that waits behind it.
    for (const status of ['RUNNING', 'QUEUED']) {
      const { id } = (await rest(url, 'POST', runs, { entityType: 'STUDENT' })).body;
      await until(async () => (await rest(url, 'GET', `${runs}/${id}`)).body.status === status);
      started.push(id);
    }
    const headers = { 'Idempotency-Key': randomUUID() };
    const sync = () =>
      rest(url, 'POST', `/integrations/${integrationId}/sync`, { entityType: 'STUDENT' }, headers);
    const refused = await sync();
    expect(refused.body.details[0].debug.reason).to.equal('SYNC_ALREADY_RUNNING');
    for (const id of started.reverse()) await rest(url, 'POST', `${runs}/${id}/cancel`, {});
    await silent.close();
    await until(async () => (await sync()).status === 200);
  });

  it('of the typed client, whose answer is lost on the way, is repeated by it and done once', async () => {
    const { url } = await sharedService();
    const institutionId = randomUUID();
    let passed = 0;
    const lossy = await listenOn(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const headers = Object.fromEntries(
        ['authorization', 'content-type', 'idempotency-key'].map((name) => [
          name,
          String(request.headers[name]),
        ]),
      );
      const answer = await fetch(url + request.url, { method: 'POST', headers, body: Buffer.concat(pieces) });
      const body = Buffer.from(await answer.arrayBuffer());
      passed += 1;
      if (passed === 1) request.socket.destroy();
      else response.writeHead(answer.status, { 'Content-Type': 'application/proto' }).end(body);
    });
    const client = createIntegrationsClient({ baseUrl: lossy.url, token: TOKEN });
    const { subscription, secret } = await client.createSubscription({ institutionId, url: URL_OF_HOOK });
    await lossy.close();
    expect(passed).to.equal(2);
    expect(secret).to.match(/^whsec_/);
    const there = await subscriptionsOf(url, institutionId);
    expect(there.map(({ id }) => id)).to.deep.equal([subscription?.id]);
  });

  it('is refused where the key is none, and reads take no notice of it', async () => {
    const { url } = await sharedService();
    const path = `/institutions/${randomUUID()}/subscriptions`;
    for (const key of ['', 'ü', 'k'.repeat(256)]) {
      const { status, body } = await rest(
        url,
        'POST',
        path,
        { url: URL_OF_HOOK },
        { 'Idempotency-Key': key },
      );
      expect(status, key).to.equal(400);
      expect(body.message).to.contain('Idempotency-Key').and.contain('255');
      expect(body.details[0].debug.reason).to.equal('IDEMPOTENCY_KEY_INVALID');
    }
    const headers = { 'Idempotency-Key': randomUUID() };
    expect((await rest(url, 'GET', path, undefined, headers)).body).to.deep.equal([]);
    await rest(url, 'POST', path, { url: URL_OF_HOOK });
    expect((await rest(url, 'GET', path, undefined, headers)).body).to.have.length(1);
  });
});

describe('the answer of a call with an Idempotency-Key', () => {
  after(closeReceivers);

  it('is there after a restart, for the caller of the same token alone; what was under way is not done again', async () => {
    const MARIA = 'maria-maria-maria-maria-maria-maria';
    const env = { API_TOKENS: `maria:${MARIA}`, DATABASE_URL: await freshDatabaseUrl() };
    const before = await startService({ env });
    const institutionId = randomUUID();
    const key = randomUUID();
    const create = WAYS.REST as (typeof WAYS)[string];
    const one = await create(before.url, institutionId, key, URL_OF_HOOK);
    // Another call is under way when the process is killed.
    const receiver = await webhookReceiver(() => undefined);
    const hooked = await create(before.url, institutionId, randomUUID(), receiver.url);
    const test = (url: string) =>
      rest(
        url,
        'POST',
        `/institutions/${institutionId}/subscriptions/${hooked.id}/test`,
        {},
        { 'Idempotency-Key': key },
      );
    const cut = test(before.url).catch(() => 'no answer');
    await until(() => receiver.received.length === 1);
    await before.stop('SIGKILL');
    expect(await cut).to.equal('no answer');
    const service = await startService({ dataDir: before.dataDir, env });
    expect(await create(service.url, institutionId, key, URL_OF_HOOK)).to.deep.equal({
      ...one,
      replayed: 'true',
    });
    const asMaria = createIntegrationsClient({ baseUrl: service.url, token: MARIA });
    const other = await asMaria.createSubscription(
      { institutionId, url: URL_OF_HOOK },
      { headers: { 'Idempotency-Key': key } },
    );
    expect(other.subscription?.id).not.to.equal(one.id);
    const stranger = createIntegrationsClient({ baseUrl: service.url, token: `${MARIA}x` });
    const refused = await stranger
      .createSubscription({ institutionId, url: URL_OF_HOOK }, { headers: { 'Idempotency-Key': key } })
      .catch(ConnectError.from);
    expect((refused as ConnectError).code).to.equal(Code.Unauthenticated);
    // A process alone with its database knows that nobody else carries it out; else it may, for a minute.
    const { body } = await test(service.url);
    expect(body.details[0].debug.reason).to.equal(
      testDatabaseUrl ? 'IDEMPOTENCY_KEY_IN_USE' : 'IDEMPOTENCY_OUTCOME_UNKNOWN',
    );
    expect(receiver.received).to.have.length(1);
    await service.stop();
  });
});
