import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { WebhookReceiverService } from '../../gen/smartid/integrations/v1/webhook_receiver_service_pb.js';
import { freshDatabaseUrl, testDatabaseUrl } from '../support/database.js';
import { layEmbeddedDatabase } from '../support/embedded-template.js';
import { rest, sharedService, startService, type TestService } from '../support/service.js';
import { signedHeadersOf } from '../support/telling-school.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';

type Place = Pick<TestService, 'url' | 'files'>;

/** A CSV school on a service, with a secret. */
async function newSchool({ url, files }: Place) {
  const institutionId = randomUUID();
  await mkdir(join(files, institutionId), { recursive: true });
  const put = (rows: string) =>
    writeFile(join(files, institutionId, 'students.csv'), `id,nombres\n${rows}\n`);
  await put('S1,Ana');
  const body = { institutionId, provider: 'GENERIC_CSV', config: { importPath: institutionId } };
  const { id } = (await rest(url, 'POST', '/integrations', body)).body as { id: string };
  const made = await rest(url, 'POST', `/integrations/${id}/webhook-secrets`, {});
  return { id, institutionId, put, made, secret: made.body.secret as string };
}

/** Headers of a signed message, as HTTP has them. */
function headersOf(text: string, secret: string, webhookId = `msg_${randomUUID()}`) {
  const { id, timestamp, signature } = signedHeadersOf(text, { webhookId, secret });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
}

async function post(url: string, id: string, text: string, headers: Record<string, string>) {
  const response = await fetch(`${url}/integrations/${id}/webhooks`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: text,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const STUDENTS = '{"entityType": "STUDENT"}';

describe('webhooks over the network', () => {
  const isDone = (url: string, id: string, count: number) =>
    until(async () => {
      const { body } = await rest(url, 'GET', `/integrations/${id}/webhooks?status=DONE&pageSize=1000`);
      return body.length === count;
    });

  it('are answered 202 without a token, listed with what became of them, and counted', async () => {
    const service = await sharedService();
    const { url } = service;
    const { id, institutionId, secret } = await newSchool(service);
    const headers = headersOf(STUDENTS, secret, 'evt.1');
    const answer = await post(url, id, STUDENTS, headers);
    expect(answer).to.deep.equal({ status: 202, body: { webhookId: 'evt.1', duplicate: false } });
    expect(await post(url, id, STUDENTS, headers)).to.deep.equal({
      status: 202,
      body: { webhookId: 'evt.1', duplicate: true },
    });
    await isDone(url, id, 1);
    expect((await rest(url, 'GET', `/institutions/${institutionId}/students`)).body).to.have.length(1);
    const [webhook] = (await rest(url, 'GET', `/integrations/${id}/webhooks`)).body;
    expect(webhook).to.deep.include({
      kind: 'WEBHOOK',
      status: 'DONE',
      attempts: 0,
      changes: [{ entityType: 'STUDENT', externalIds: [] }],
    });
    const run = (await rest(url, 'GET', `/integrations/${id}/runs/${webhook.runIds[0]}`)).body;
    expect(run.run ?? run).to.deep.include({ trigger: 'WEBHOOK', externalIds: [] });
    const one = (await rest(url, 'GET', `/integrations/${id}/webhooks/evt.1`)).body;
    expect(one).to.deep.include({ body: STUDENTS });
    const wrong = await post(url, id, `${STUDENTS} `, headers);
    expect(wrong.status).to.equal(401);
    expect(JSON.stringify(wrong.body)).to.contain('WEBHOOK_SIGNATURE_INVALID');
    const bad = await post(url, id, '[]', headersOf('[]', secret));
    expect(bad.status).to.equal(400);
    expect(bad.body.message).to.equal('The body must be a JSON object in UTF-8.');
    const large = 'x'.repeat(256 * 1024 + 1);
    expect((await post(url, id, large, headersOf(large, secret))).status).to.equal(413);
    const metrics = await (
      await fetch(`${url}/metrics`, {
        headers: {
          Authorization: `Bearer ${process.env.ADMIN_TOKEN ?? 'test-token-test-token-test-token-test'}`,
        },
      })
    ).text();
    expect(metrics).to.match(
      /smartid_webhooks_received_total\{[^}]*outcome="new"[^}]*provider="GENERIC_CSV"[^}]*\} [1-9]/,
    );
    expect(metrics).to.match(
      /smartid_webhooks_received_total\{[^}]*outcome="refused"[^}]*provider="UNKNOWN"[^}]*\} [1-9]/,
    );
    expect(metrics).to.match(/smartid_queue_webhooks\{[^}]*status="WAITING"[^}]*\} \d/);
    expect(service.log.join('\n')).to.not.contain(secret);
  });

  it('may come by Connect and gRPC too, with the same headers', async () => {
    const service = await sharedService();
    const { id, secret } = await newSchool(service);
    const options = { baseUrl: service.url, httpVersion: '2' as const };
    for (const transport of [createConnectTransport(options), createGrpcTransport(options)]) {
      const client = createClient(WebhookReceiverService, transport);
      const body = { contentType: 'application/json', data: Buffer.from(STUDENTS) };
      const { duplicate } = await client.receiveWebhook(
        { id, body },
        { headers: headersOf(STUDENTS, secret) },
      );
      expect(duplicate).to.equal(false);
      const refused = await client
        .receiveWebhook({ id, body }, { headers: { ...headersOf(STUDENTS, secret), 'webhook-id': 'other' } })
        .catch(({ code }: { code: number }) => code);
      expect(refused).to.equal(16);
    }
  });

  it('are signed with secrets that overlap while they are rotated, and that are shown once', async () => {
    const service = await sharedService();
    const { url } = service;
    const { id, institutionId, secret, made } = await newSchool(service);
    expect(made.status).to.equal(201);
    expect(secret).to.match(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const path = `/integrations/${id}/webhook-secrets`;
    expect(made.headers.get('location')).to.equal(`${path}/${made.body.webhookSecret.id}`);
    const accepts = async (key: string) => (await post(url, id, STUDENTS, headersOf(STUDENTS, key))).status;
    const rotated = (await rest(url, 'POST', `${path}/rotate`, { overlapSeconds: 3_600 })).body;
    expect([await accepts(secret), await accepts(rotated.secret)]).to.deep.equal([202, 202]);
    const listed = (await rest(url, 'GET', path)).body;
    expect(listed).to.have.length(2);
    expect(listed[0].expiresAt).to.equal(undefined);
    expect(Date.parse(listed[1].expiresAt)).to.be.greaterThan(Date.now());
    expect(JSON.stringify(listed)).to.not.contain('whsec_');
    const last = (await rest(url, 'POST', `${path}/rotate`, { overlapSeconds: 0 })).body;
    expect([await accepts(secret), await accepts(rotated.secret), await accepts(last.secret)]).to.deep.equal([
      401, 401, 202,
    ]);
    // Keys that seal them are changed as those of credentials are.
    const keys = (await rest(url, 'GET', '/keys')).body;
    expect(keys[0].webhookSecretCount).to.be.greaterThan(0);
    for (let i = 0; i < 4; i++) expect((await rest(url, 'POST', path, {})).status).to.equal(201);
    expect((await rest(url, 'POST', path, {})).body.message).to.match(/5 secrets for webhooks at most/);
    expect((await rest(url, 'DELETE', `${path}/${last.webhookSecret.id}`)).status).to.equal(204);
    expect(await accepts(last.secret)).to.equal(401);
    const events = (
      await rest(url, 'GET', `/institutions/${institutionId}/audit-events?objectType=WEBHOOK_SECRET`)
    ).body;
    const actions = (events.events ?? events).map(({ action }: { action: string }) => action);
    expect(actions).to.include.members([
      'webhook_secret.created',
      'webhook_secret.rotated',
      'webhook_secret.deleted',
    ]);
    expect(JSON.stringify(events)).to.not.contain('whsec_');
  });

  describe('and processes', () => {
    async function starting() {
      const dataDir = await tempFolder();
      const databaseUrl = await freshDatabaseUrl();
      if (!databaseUrl) await layEmbeddedDatabase(dataDir);
      return (env: Record<string, string> = {}) =>
        startService({ dataDir, env: { ...(databaseUrl && { DATABASE_URL: databaseUrl }), ...env } });
    }

    it('that were answered are synced by the next process when theirs was killed at once', async () => {
      const start = await starting();
      const first = await start();
      const { id, institutionId, secret } = await newSchool(first);
      for (let i = 0; i < 20; i++)
        expect((await post(first.url, id, STUDENTS, headersOf(STUDENTS, secret, `m${i}`))).status).to.equal(
          202,
        );
      await first.stop('SIGKILL');
      const second = await start();
      await isDone(second.url, id, 20);
      expect((await rest(second.url, 'GET', `/institutions/${institutionId}/students`)).body).to.have.length(
        1,
      );
      expect((await rest(second.url, 'GET', `/integrations/${id}/runs`)).body.length).to.be.lessThan(4);
      await second.stop();
    });

    it('that came to one that was killed while it stored them are there, or are stored when they are sent again', async () => {
      const start = await starting();
      const first = await start({ WORKERS: '0' });
      const { id, secret } = await newSchool(first);
      const answered = new Set<string>();
      const sending = Array.from({ length: 200 }, async (_, i) => {
        const name = `m${i}`;
        const answer = await post(first.url, id, STUDENTS, headersOf(STUDENTS, secret, name)).catch(
          () => undefined,
        );
        if (answer?.status === 202) answered.add(name);
      });
      await until(() => answered.size > 20);
      await first.stop('SIGKILL');
      await Promise.all(sending);
      const second = await start();
      const stored = (await rest(second.url, 'GET', `/integrations/${id}/webhooks?pageSize=1000`)).body as {
        webhookId: string;
      }[];
      expect(stored.map(({ webhookId }) => webhookId)).to.include.members([...answered]);
      for (let i = 0; i < 200; i++)
        expect((await post(second.url, id, STUDENTS, headersOf(STUDENTS, secret, `m${i}`))).status).to.equal(
          202,
        );
      await isDone(second.url, id, 200);
      const all = (await rest(second.url, 'GET', `/integrations/${id}/webhooks?pageSize=1000`)).body;
      expect(all).to.have.length(200);
      await second.stop();
    });

    it('that come to two at once under one id are stored once', async function () {
      // The embedded database is of one process.
      if (!testDatabaseUrl) this.skip();
      const start = await starting();
      const [a, b] = [await start(), await start()];
      const { id, secret } = await newSchool(a);
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, i) => {
          const headers = headersOf(STUDENTS, secret, `m${i % 10}`);
          return post((i % 2 ? a : b).url, id, STUDENTS, headers);
        }),
      );
      expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([202]));
      expect(answers.filter(({ body }) => !body.duplicate)).to.have.length(10);
      // One that is revoked in one process is revoked in the other.
      const [made] = (await rest(a.url, 'GET', `/integrations/${id}/webhook-secrets`)).body;
      await rest(a.url, 'DELETE', `/integrations/${id}/webhook-secrets/${made.id}`);
      expect((await post(b.url, id, STUDENTS, headersOf(STUDENTS, secret))).status).to.equal(401);
      await isDone(a.url, id, 10);
      expect((await rest(a.url, 'GET', `/integrations/${id}/runs`)).body.length).to.be.lessThan(4);
      await Promise.all([a.stop(), b.stop()]);
    });
  });
});
