import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { cloudEventOf } from '../../src/events/cloud-event.js';
import { pauseAfter } from '../../src/events/retry-schedule.js';
import { createAddressGuard, createGuardedAgents } from '../../src/outbound/index.js';
import { newInstitution, silentServices, startSender, stopSenders } from '../support/event-senders.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';
import { closeReceivers, webhookReceiver } from '../support/webhook-receiver.js';

describe('the delivery of events', () => {
  afterEach(stopSenders);
  after(closeReceivers);

  it('posts a CloudEvent that the reference library of Standard Webhooks verifies', async () => {
    const { eventService } = await silentServices();
    const { institutionId, integrationId, happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver();
    const { secret, subscription } = await subscribe(`${receiver.url}/hook?of=school`);
    await happen('ya no responde');
    await startSender();
    await settled('DELIVERED');
    expect(receiver.received).to.have.length(1);
    const [message] = receiver.received;
    if (!message) throw new Error('nothing came');
    expect(message.path).to.equal('/hook?of=school');
    expect(message.headers['content-type']).to.equal('application/cloudevents+json; charset=utf-8');
    expect(receiver.verify(message, secret)).to.deep.equal(message.event);
    expect(() => receiver.verify({ ...message, text: message.text.replace('ya', 'no') }, secret)).to.throw();
    const [stored] = (await eventService.listEvents(institutionId)).items;
    if (!stored) throw new Error('no event is kept');
    expect(message.text).to.equal(cloudEventOf(stored));
    expect(message.event).to.deep.equal({
      specversion: '1.0',
      id: message.id,
      type: 'integration.error',
      source: `/institutions/${institutionId}/integrations/${integrationId}`,
      time: stored.occurredAt.toISOString(),
      sequence: stored.position.padStart(19, '0'),
      datacontenttype: 'application/json',
      data: { integrationId, provider: 'ACME', error: 'ya no responde' },
    });
    expect(stored.id).to.equal(message.id);
    const { items } = await eventService.listEventDeliveries(institutionId, { eventId: stored.id });
    expect(items).to.have.length(1);
    expect(items[0]).to.deep.include({
      subscriptionId: subscription.id,
      eventType: 'integration.error',
      status: 'DELIVERED',
      attempts: 1,
      httpStatus: 204,
      lastReason: null,
      dueAt: null,
    });
  });

  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    it(`sends again, under the same id, what was answered with ${status}`, async () => {
      const { happen, subscribe, settled, deliveries } = await newInstitution();
      const receiver = await webhookReceiver(() => (receiver.received.length < 3 ? status : 200));
      const { secret } = await subscribe(receiver.url);
      await happen('x');
      await startSender();
      await settled('DELIVERED');
      expect(receiver.received).to.have.length(3);
      expect(new Set(receiver.received.map(({ id }) => id)).size).to.equal(1);
      for (const message of receiver.received) receiver.verify(message, secret);
      expect((await deliveries())[0]).to.deep.include({ attempts: 3, httpStatus: 200, lastReason: null });
    });
  }

  it('sends again what a receiver crashed over before it had a status', async () => {
    const { happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver((_message, response) => {
      if (receiver.received.length > 2) return 200;
      // Nothing at all the first time, half a head the second.
      if (receiver.received.length > 1) response.socket?.write('HTTP/1.1 200 OK\r\nContent-Le');
      response.socket?.destroy();
      return undefined;
    });
    await subscribe(receiver.url);
    await happen('x');
    await startSender();
    await settled('DELIVERED');
    expect(receiver.received.map(({ id }) => id)).to.deep.equal(Array(3).fill(receiver.received[0]?.id));
  });

  it('takes the status of a receiver that crashes in the middle of its body for its answer', async () => {
    const { happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver((_message, response) => {
      response.writeHead(200, { 'Content-Length': '1000' }).write('half');
      response.socket?.destroySoon();
      return undefined;
    });
    await subscribe(receiver.url);
    await happen('x');
    await startSender();
    await settled('DELIVERED');
    expect(receiver.received).to.have.length(1);
  });

  it('sends again what a receiver does not answer in time', async () => {
    const { happen, subscribe, settled, deliveries } = await newInstitution();
    const receiver = await webhookReceiver(() => (receiver.received.length === 1 ? undefined : 200));
    await subscribe(receiver.url);
    await happen('x');
    await startSender({ timeoutMs: 200 });
    await settled('DELIVERED');
    expect(receiver.received).to.have.length(2);
    expect((await deliveries())[0]).to.deep.include({ attempts: 2 });
  });

  it('waits as long as Retry-After asks, in seconds and as a date', async () => {
    const { database } = await silentServices();
    for (const [asked, most] of [
      ['120', 121],
      [new Date(Date.now() + 3_600_000).toUTCString(), 3_601],
      // A day at most.
      ['9999999', 86_401],
    ] as const) {
      const { institutionId, happen, subscribe, deliveries } = await newInstitution();
      const receiver = await webhookReceiver((_message, response) => {
        response.setHeader('Retry-After', asked);
        return 429;
      });
      await subscribe(receiver.url);
      await happen('x');
      await startSender({ pause: pauseAfter });
      await until(async () => (await deliveries())[0]?.httpStatus === 429);
      const [row] = await database.query<{ wait: number }>(
        `SELECT extract(epoch FROM due_at - updated_at)::float AS wait
         FROM event_deliveries WHERE institution_id = $1`,
        [institutionId],
      );
      expect(row?.wait, asked).to.be.within(most - 4, most);
      await stopSenders();
      expect(receiver.received).to.have.length(1);
    }
  });

  it('sends a receiver that asks to wait nothing of other integrations meanwhile', async () => {
    const { database, eventService } = await silentServices();
    const { institutionId, happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver((_message, response) => {
      response.setHeader('Retry-After', '3600');
      return 429;
    });
    const other = await webhookReceiver();
    const { subscription } = await subscribe(receiver.url);
    await happen('first');
    await startSender({ pause: pauseAfter });
    await until(async () => {
      const { failingSince } = await eventService.getSubscription(institutionId, subscription.id);
      return failingSince !== null;
    });
    await subscribe(other.url);
    const elsewhere = randomUUID();
    await happen('second', elsewhere);
    await happen('third', elsewhere);
    // Who looks for these two has passed over what waits for the receiver.
    await until(() => other.received.length === 2);
    expect(receiver.received).to.have.length(1);
    // An hour later.
    receiver.answer = () => 200;
    await database.execute(
      `UPDATE event_subscriptions SET not_before = not_before - interval '1 h' WHERE institution_id = $1`,
      [institutionId],
    );
    await until(() => receiver.received.length === 3);
    expect(receiver.received.map(({ event }) => event.data.error)).to.deep.equal([
      'first',
      'second',
      'third',
    ]);
    // Whoever enables it, or gives it another address, waits for nothing.
    await database.execute(
      `UPDATE event_subscriptions SET not_before = now() + interval '1 h' WHERE institution_id = $1`,
      [institutionId],
    );
    await eventService.updateSubscription(institutionId, subscription.id, { url: `${receiver.url}/new` });
    await database.execute(
      `UPDATE event_deliveries SET due_at = now() WHERE institution_id = $1 AND status = 'WAITING'`,
      [institutionId],
    );
    await database.execute(
      'UPDATE event_lanes SET due_at = now() WHERE institution_id = $1 AND due_at IS NOT NULL',
      [institutionId],
    );
    await settled('DELIVERED', 'DELIVERED', 'DELIVERED', 'DELIVERED', 'DELIVERED');
  });

  it('does not follow a redirect: what is sent on is a dead letter', async () => {
    const { happen, subscribe, settled, deliveries } = await newInstitution();
    const other = await webhookReceiver();
    for (const status of [301, 302, 303, 307, 308]) {
      const receiver = await webhookReceiver((_message, response) => {
        response.setHeader('Location', other.url);
        return status;
      });
      await subscribe(receiver.url);
    }
    await happen('x');
    await startSender();
    await settled('DEAD', 'DEAD', 'DEAD', 'DEAD', 'DEAD');
    expect(other.received).to.deep.equal([]);
    for (const { lastReason } of await deliveries())
      expect(lastReason).to.match(/redirects are not followed/);
  });

  for (const status of [400, 401, 403, 404, 413, 422]) {
    it(`makes a dead letter of what was refused with ${status}, and goes on`, async () => {
      const { happen, subscribe, settled, deliveries } = await newInstitution();
      const receiver = await webhookReceiver(({ event }, response) => {
        if (event.data.error !== 'first') return 200;
        response.writeHead(status).end('no\nthank  you');
        return undefined;
      });
      await subscribe(receiver.url);
      await happen('first');
      await happen('second');
      await startSender();
      await settled('DEAD', 'DELIVERED');
      const [first] = await deliveries();
      expect(first).to.deep.include({ attempts: 1, httpStatus: status });
      expect(first?.lastReason).to.match(new RegExp(`^it answered ${status} .*: no thank you$`));
    });
  }

  it('reaches no private address, however it is written or hidden behind a name', async () => {
    const { database } = await silentServices();
    const { institutionId, happen, subscribe, settled, deliveries } = await newInstitution();
    const receiver = await webhookReceiver();
    const { port } = new URL(receiver.url);
    // Opened in OUTBOUND_ALLOW when it was made, and no longer.
    await subscribe(receiver.url);
    await subscribe(`http://localhost:${port}/`);
    const { subscription } = await subscribe(receiver.url);
    await database.execute('UPDATE event_subscriptions SET url = $3 WHERE institution_id = $1 AND id = $2', [
      institutionId,
      subscription.id,
      'http://169.254.169.254/latest/meta-data',
    ]);
    await happen('x');
    await startSender({ agents: createGuardedAgents(createAddressGuard([]), { keepAlive: false }) });
    await settled('DEAD', 'DEAD', 'DEAD');
    expect(receiver.received).to.deep.equal([]);
    for (const { lastReason } of await deliveries())
      expect(lastReason).to.equal('it is a private address; the operator can open it in OUTBOUND_ALLOW');
  });

  it('makes a dead letter of what failed fourteen times, about a day', async () => {
    const { happen, subscribe, settled, deliveries } = await newInstitution();
    const receiver = await webhookReceiver(({ event }) => (event.data.error === 'first' ? 503 : 200));
    await subscribe(receiver.url);
    await happen('first');
    await happen('second');
    await startSender({ pause: () => 0 });
    await settled('DEAD', 'DELIVERED');
    expect((await deliveries()).map(({ attempts }) => attempts)).to.deep.equal([14, 1]);
    const shortest = Array.from({ length: 13 }, (_, i) => pauseAfter(i + 1, undefined, () => 0));
    const longest = Array.from({ length: 13 }, (_, i) => pauseAfter(i + 1, undefined, () => 1));
    const hours = (pauses: number[]) => pauses.reduce((sum, ms) => sum + ms, 0) / 3_600_000;
    expect(hours(shortest)).to.be.within(10, 14);
    expect(hours(longest)).to.be.within(20, 28);
    expect([shortest[0], longest[0]]).to.deep.equal([2_500, 5_000]);
  });

  it('disables a subscription whose receiver answers 410, with the reason', async () => {
    const { eventService } = await silentServices();
    const { institutionId, happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver(() => 410);
    const { subscription } = await subscribe(receiver.url);
    await happen('first');
    await happen('second');
    await startSender();
    await settled('DEAD', 'WAITING');
    const now = await eventService.getSubscription(institutionId, subscription.id);
    expect(now.disabledReason).to.equal('The receiver answered 410: it wants nothing more.');
    // What happens from now on is not for it; what waited is told when it is enabled again.
    await happen('third');
    receiver.answer = () => 200;
    await eventService.updateSubscription(institutionId, subscription.id, { enabled: true });
    await settled('DEAD', 'DELIVERED');
    expect(receiver.received.map(({ event }) => event.data.error)).to.deep.equal(['first', 'second']);
  });

  it('disables a subscription after five days without a success, and not before', async () => {
    const { database, eventService } = await silentServices();
    for (const [days, failures, disabled] of [
      [6, 20, true],
      [4, 20, false],
      [6, 1, false],
    ] as const) {
      const { institutionId, happen, subscribe, settled } = await newInstitution();
      const receiver = await webhookReceiver(() => 404);
      const { subscription } = await subscribe(receiver.url);
      await database.execute(
        `UPDATE event_subscriptions SET failures = $3, failing_since = now() - make_interval(days => $4)
         WHERE institution_id = $1 AND id = $2`,
        [institutionId, subscription.id, failures, days],
      );
      await happen('x');
      await startSender();
      await settled('DEAD');
      const now = await eventService.getSubscription(institutionId, subscription.id);
      expect(now.disabledReason, `${days} days, ${failures} failures`).to.equal(
        disabled ? 'No attempt has succeeded for five days.' : null,
      );
      expect(now.failingSince).to.be.instanceOf(Date);
      await stopSenders();
    }
  });

  it('keeps later events of an integration behind one that fails, and those of others not', async () => {
    const { happen, subscribe, deliveries } = await newInstitution();
    const other = '00000000-0000-4000-8000-0000000000aa';
    const receiver = await webhookReceiver(({ event }) => (event.data.error === 'bad' ? 503 : 200));
    const good = await webhookReceiver();
    await subscribe(receiver.url);
    const { subscription } = await subscribe(good.url);
    for (const error of ['bad', 'later']) await happen(error);
    await happen('elsewhere', other);
    await startSender({ pause: () => 60_000 });
    const delivered = async (id: string) =>
      (await deliveries(id)).filter(({ status }) => status === 'DELIVERED').length;
    await until(async () => (await delivered(subscription.id)) === 3);
    await until(() => receiver.received.length === 2);
    expect(receiver.received.map(({ event }) => event.data.error)).to.have.members(['bad', 'elsewhere']);
  });

  it('tells a dead letter again under its id when it is replayed, before what waits', async () => {
    const { eventService } = await silentServices();
    const { institutionId, happen, subscribe, settled, deliveries } = await newInstitution();
    const receiver = await webhookReceiver(() => 400);
    const { subscription } = await subscribe(receiver.url);
    await happen('dead');
    await startSender();
    await settled('DEAD');
    await stopSenders();
    await happen('waits');
    receiver.answer = () => 200;
    const [dead] = await deliveries();
    expect(await eventService.replayEvent(institutionId, dead?.eventId as string, subscription.id)).to.equal(
      1,
    );
    await startSender();
    await settled('DELIVERED', 'DELIVERED');
    expect(receiver.received.map(({ event }) => event.data.error)).to.deep.equal(['dead', 'dead', 'waits']);
    expect(receiver.received[1]?.id).to.equal(receiver.received[0]?.id);
  });

  it('tells a subscription that came later of an event that is replayed for all', async () => {
    const { eventService } = await silentServices();
    const { institutionId, happen, subscribe, settled } = await newInstitution();
    await happen('before');
    const [event] = (await eventService.listEvents(institutionId)).items;
    const receiver = await webhookReceiver();
    await subscribe(receiver.url);
    await subscribe(receiver.url, ['sync.failed']);
    expect(await eventService.replayEvent(institutionId, event?.id as string)).to.equal(1);
    await startSender();
    await settled('DELIVERED');
    expect(receiver.received).to.have.length(1);
  });

  it('notes what a receiver says with characters that cannot be stored, or without end', async () => {
    const { happen, subscribe, settled, deliveries } = await newInstitution();
    const receiver = await webhookReceiver((_message, { socket }) => {
      socket?.end(`HTTP/1.1 400 a\0b\x1b[31m${'x'.repeat(10_000)}\r\nConnection: close\r\n\r\n\0😀`);
      return undefined;
    });
    await subscribe(receiver.url);
    await happen('x');
    await startSender();
    await settled('DEAD');
    const [delivery] = await deliveries();
    expect(delivery?.attempts).to.equal(1);
    expect(delivery?.lastReason)
      .to.match(/^it answered 400 a b \[31mx+/)
      .and.have.length.lessThan(500);
  });

  it('sends again at once what is replayed while an attempt is under way that fails', async () => {
    const { eventService } = await silentServices();
    const { institutionId, happen, subscribe, settled } = await newInstitution();
    const [come, go] = [gate(), gate()];
    const receiver = await webhookReceiver(async () => {
      if (receiver.received.length > 1) return 200;
      come.open();
      await go.opened;
      return 503;
    });
    await subscribe(receiver.url);
    await happen('x');
    await startSender({ pause: () => 3_600_000 });
    await come.opened;
    const [event] = (await eventService.listEvents(institutionId)).items;
    expect(await eventService.replayEvent(institutionId, event?.id as string)).to.equal(1);
    go.open();
    await settled('DELIVERED');
    expect(receiver.received).to.have.length(2);
  });
});
