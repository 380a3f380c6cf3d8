import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { freshDatabaseUrl } from '../support/database.js';
import { layEmbeddedDatabase } from '../support/embedded-template.js';
import { rest, startService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';
import { closeReceivers, webhookReceiver } from '../support/webhook-receiver.js';

/** How to start processes that work on one database and one data directory. */
async function starting() {
  const dataDir = await tempFolder();
  const databaseUrl = await freshDatabaseUrl();
  if (!databaseUrl) await layEmbeddedDatabase(dataDir);
  return (env: Record<string, string> = {}) =>
    startService({ dataDir, env: { ...(databaseUrl && { DATABASE_URL: databaseUrl }), ...env } });
}

/** A school on a service that is told of its events at an address. */
async function subscribed(service: { url: string; files: string }, url: string, types = ['sync.completed']) {
  const institutionId = randomUUID();
  await mkdir(join(service.files, institutionId), { recursive: true });
  await writeFile(join(service.files, institutionId, 'students.csv'), 'id,nombres\nS1,Ana\n');
  const body = { institutionId, provider: 'GENERIC_CSV', config: { importPath: institutionId } };
  const { id } = (await rest(service.url, 'POST', '/integrations', body)).body;
  const path = `/institutions/${institutionId}/subscriptions`;
  const made = await rest(service.url, 'POST', path, { url, types });
  return {
    institutionId,
    made,
    path,
    sync: async (at: string) =>
      (await rest(at, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' })).body.runId as string,
  };
}

describe('events of a service', () => {
  after(closeReceivers);

  it('are told by the next process when theirs was killed after the commit', async () => {
    const start = await starting();
    const receiver = await webhookReceiver();
    // It serves calls and sends nothing: so it dies between the commit and the sending.
    const first = await start({ WORKERS: '0' });
    const { made, institutionId } = await subscribed(first, receiver.url, ['roster.changed']);
    const student = `/institutions/${institutionId}/students/${randomUUID()}`;
    expect((await rest(first.url, 'PUT', student, { givenName: 'Ana' })).status).to.equal(200);
    await first.stop('SIGKILL');
    expect(receiver.received).to.deep.equal([]);
    const second = await start();
    await until(() => receiver.received.length > 0);
    await second.stop();
    const [message] = receiver.received;
    if (!message) throw new Error('nothing came');
    receiver.verify(message, made.body.secret);
    expect(message.event).to.include({ type: 'roster.changed' });
    expect(receiver.received).to.have.length(1);
  });

  it('are told again under the same id when theirs was killed before the answer', async () => {
    const start = await starting();
    const receiver = await webhookReceiver(() => undefined);
    const first = await start();
    const { sync, institutionId } = await subscribed(first, receiver.url);
    await sync(first.url);
    await until(() => receiver.received.length === 1);
    await first.stop('SIGKILL');
    receiver.answer = () => 200;
    const second = await start();
    await until(() => receiver.received.length === 2);
    expect(receiver.received[1]?.id).to.equal(receiver.received[0]?.id);
    await sync(second.url);
    await until(() => receiver.received.length === 3);
    const sequences = receiver.received.map(({ event }) => event.sequence);
    expect(sequences).to.deep.equal([...sequences].sort());
    const path = `/institutions/${institutionId}/event-deliveries`;
    await until(async () => {
      const { body } = await rest(second.url, 'GET', path);
      return body.every(({ status }: { status: string }) => status === 'DELIVERED');
    });
    await second.stop();
  });

  it('are reached by REST: subscriptions, events, deliveries, tests, secrets and replays', async () => {
    const service = await (await starting())();
    const receiver = await webhookReceiver();
    const { institutionId, made, path, sync } = await subscribed(service, receiver.url);
    const call = (method: string, at: string, body?: unknown) => rest(service.url, method, at, body);
    const { id } = made.body.subscription;
    expect(made.status).to.equal(201);
    expect(made.headers.get('location')).to.equal(`${path}/${id}`);
    expect(made.body.subscription).to.deep.include({ enabled: true, types: ['sync.completed'] });
    expect((await call('GET', path)).body).to.deep.equal([made.body.subscription]);
    expect((await call('POST', `${path}/${id}/test`, {})).body).to.deep.include({ success: true });
    const { body: rotated } = await call('POST', `${path}/${id}/rotate-secret`, {});
    expect(rotated.secret).to.match(/^whsec_/);
    const changed = await call('PATCH', `${path}/${id}`, { description: 'El colegio' });
    expect(changed.body).to.deep.include({ description: 'El colegio', types: ['sync.completed'] });
    const runId = await sync(service.url);
    await until(() => receiver.received.length === 2);
    const events = await call('GET', `/institutions/${institutionId}/events?types=sync.completed`);
    expect(events.body).to.have.length(1);
    expect(events.body[0]).to.deep.include({ type: 'sync.completed', subject: `runs/${runId}` });
    const event = `/institutions/${institutionId}/events/${events.body[0].id}`;
    expect((await call('GET', event)).body).to.deep.equal(events.body[0]);
    expect((await call('POST', `${event}/replay`, {})).body).to.deep.equal({ subscriptions: 1 });
    await until(() => receiver.received.length === 3);
    expect(receiver.received[2]?.text).to.equal(receiver.received[1]?.text);
    receiver.verify(receiver.received[2] as never, rotated.secret);
    receiver.verify(receiver.received[2] as never, made.body.secret);
    const dead = await call('GET', `/institutions/${institutionId}/event-deliveries?status=DEAD`);
    expect(dead.body).to.deep.equal([]);
    const wrong = await call('POST', path, { url: 'nowhere', types: ['x'] });
    expect(wrong.status).to.equal(400);
    expect((await call('DELETE', `${path}/${id}`)).status).to.equal(204);
    expect((await call('GET', `${path}/${id}`)).status).to.equal(404);
    // Nothing of a secret, nor of the address, gets into the log.
    expect(service.log.join('\n')).to.not.contain('whsec_');
    await service.stop();
  });
});
