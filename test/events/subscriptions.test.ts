import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { ServiceError } from '../../src/errors.js';
import { EventService, emit, SubscriptionStore } from '../../src/events/index.js';
import { createAddressGuard, createGuardedAgents } from '../../src/outbound/index.js';
import { CredentialVault } from '../../src/security/index.js';
import { newInstitution, silentServices, startSender, stopSenders } from '../support/event-senders.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';
import { closeReceivers, webhookReceiver } from '../support/webhook-receiver.js';

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: ServiceError) => error,
  );

describe('a subscription', () => {
  afterEach(stopSenders);
  after(closeReceivers);

  it('is told of the types that it names alone', async () => {
    const { database } = await silentServices();
    const { institutionId, integrationId, happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver();
    await subscribe(receiver.url, ['roster.changed', 'sync.failed']);
    await happen('x');
    await startSender();
    const data = { integrationId, runId: null, entityType: 'STUDENT', position: '1' };
    await emit(database, { institutionId, integrationId, type: 'roster.changed', data });
    await settled('DELIVERED');
    expect(receiver.received.map(({ event }) => event.type)).to.deep.equal(['roster.changed']);
  });

  it('is told nothing of other institutions', async () => {
    const one = await newInstitution();
    const other = await newInstitution();
    const receiver = await webhookReceiver();
    await one.subscribe(receiver.url);
    await other.happen('not for you');
    expect(await one.deliveries()).to.deep.equal([]);
    expect(await other.deliveries()).to.deep.equal([]);
  });

  it('signs with both secrets while one is changed for the other, and then with the new one alone', async () => {
    const { database, eventService } = await silentServices();
    const { institutionId, happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver();
    const { secret: old, subscription } = await subscribe(receiver.url);
    const { secret, subscription: rotated } = await eventService.rotateSubscriptionSecret(
      institutionId,
      subscription.id,
      600,
    );
    expect(secret)
      .to.match(/^whsec_[A-Za-z0-9+/]{43}=$/)
      .and.not.equal(old);
    expect(rotated.oldSecretUntil).to.be.instanceOf(Date);
    await startSender();
    await happen('meanwhile');
    await settled('DELIVERED');
    await database.execute(
      `UPDATE event_subscriptions SET old_secret_until = now() - interval '1 s' WHERE institution_id = $1`,
      [institutionId],
    );
    await happen('afterwards');
    await settled('DELIVERED', 'DELIVERED');
    const [meanwhile, afterwards] = receiver.received;
    if (!meanwhile || !afterwards) throw new Error('nothing came');
    receiver.verify(meanwhile, old);
    receiver.verify(meanwhile, secret);
    receiver.verify(afterwards, secret);
    expect(() => receiver.verify(afterwards, old)).to.throw();
    const now = await eventService.getSubscription(institutionId, subscription.id);
    expect(now.oldSecretUntil).to.equal(null);
  });

  it('signs no longer with a secret that leaked, when it is changed without an overlap', async () => {
    const { eventService } = await silentServices();
    const { institutionId, happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver();
    const { secret: leaked, subscription } = await subscribe(receiver.url);
    const { secret } = await eventService.rotateSubscriptionSecret(institutionId, subscription.id, 0);
    await happen('x');
    await startSender();
    await settled('DELIVERED');
    const [message] = receiver.received;
    if (!message) throw new Error('nothing came');
    receiver.verify(message, secret);
    expect(() => receiver.verify(message, leaked)).to.throw();
  });

  it('shows its secret once, and keeps it sealed, for itself alone', async () => {
    const { database, eventService } = await silentServices();
    const { institutionId, subscribe } = await newInstitution();
    const one = await subscribe('http://127.0.0.1:9/');
    const other = await subscribe('http://127.0.0.1:9/');
    const shown = JSON.stringify([
      await eventService.getSubscription(institutionId, one.subscription.id),
      await eventService.listSubscriptions(institutionId),
      one.subscription,
    ]);
    const rows = await database.query<{ id: string; secrets: string }>(
      'SELECT id, secrets FROM event_subscriptions WHERE institution_id = $1',
      [institutionId],
    );
    for (const text of [shown, JSON.stringify(rows)]) {
      expect(text).to.not.contain('whsec_');
      expect(text).to.not.contain(one.secret.slice('whsec_'.length));
    }
    const vault = new CredentialVault([{ id: 'k1', key: Buffer.alloc(32, 7) }]);
    const sealed = rows.find(({ id }) => id === one.subscription.id)?.secrets as string;
    expect(vault.open(one.subscription.id, sealed)).to.deep.equal({ secret: one.secret });
    expect(() => vault.open(other.subscription.id, sealed)).to.throw();
  });

  it('that is deleted takes with it what it was still to be told', async () => {
    const { database, eventService } = await silentServices();
    const { institutionId, happen, subscribe } = await newInstitution();
    const { subscription } = await subscribe('http://127.0.0.1:9/');
    await happen('x');
    await eventService.deleteSubscription(institutionId, subscription.id);
    await happen('y');
    for (const table of ['event_subscriptions', 'event_deliveries', 'event_lanes']) {
      const rows = await database.query(`SELECT 1 FROM ${table} WHERE institution_id = $1`, [institutionId]);
      expect(rows, table).to.deep.equal([]);
    }
    const error = await refusal(eventService.deleteSubscription(institutionId, subscription.id));
    expect(error).to.deep.include({ code: 'not_found', reason: 'SUBSCRIPTION_NOT_FOUND' });
  });

  it('that is deleted while an event is written for it leaves nothing behind', async () => {
    const { database, eventService } = await silentServices();
    if (database.isExclusive) return;
    const { institutionId, happen, subscribe } = await newInstitution();
    const { subscription } = await subscribe('http://127.0.0.1:9/');
    const written = gate();
    const look = gate();
    const writing = database.transaction(async () => {
      await happen('x');
      written.open();
      await look.opened;
    });
    await written.opened;
    const deleting = eventService.deleteSubscription(institutionId, subscription.id);
    // It waits for the transaction above.
    await until(async () => {
      const waiting = await database.query(
        `SELECT 1 FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'DELETE FROM event_%'`,
      );
      return waiting.length > 0;
    });
    look.open();
    await Promise.all([writing, deleting]);
    const rows = await database.query('SELECT 1 FROM event_deliveries WHERE institution_id = $1', [
      institutionId,
    ]);
    expect(rows).to.deep.equal([]);
  });

  it('is tested at once: the receiver gets a signed event, and what it answered is told', async () => {
    const { eventService } = await silentServices();
    const { institutionId, subscribe } = await newInstitution();
    const receiver = await webhookReceiver();
    const { secret, subscription } = await subscribe(receiver.url, ['sync.failed']);
    expect(await eventService.testSubscription(institutionId, subscription.id)).to.deep.equal({
      success: true,
      message: 'The receiver answered 204.',
      httpStatus: 204,
    });
    const [message] = receiver.received;
    if (!message) throw new Error('nothing came');
    receiver.verify(message, secret);
    expect(message.event).to.deep.include({ type: 'subscription.test', specversion: '1.0', id: message.id });
    expect((await eventService.listEvents(institutionId)).items).to.deep.equal([]);
    receiver.answer = () => 404;
    expect(await eventService.testSubscription(institutionId, subscription.id)).to.deep.equal({
      success: false,
      message: 'The receiver did not take it: it answered 404 Not Found.',
      httpStatus: 404,
    });
    await closeReceivers();
    expect(await eventService.testSubscription(institutionId, subscription.id)).to.deep.equal({
      success: false,
      message: 'The receiver did not take it: nothing listens there.',
      httpStatus: null,
    });
  });

  it('with a wrong address or type is refused, and every wrong field named', async () => {
    const { eventService } = await silentServices();
    const institutionId = randomUUID();
    for (const [url, why] of [
      ['example.com', /must be an address such as/],
      ['ftp://example.com/', /must be an address such as/],
      ['http://me:secret@example.com/', /no name and no password/],
      ['https://example.com/#top', /no fragment/],
      ['http://169.254.169.254/', /private address/],
      ['http://[::ffff:169.254.169.254]/', /private address/],
      [`https://example.com/${'a'.repeat(2_048)}`, /at most 2048/],
    ] as const) {
      const error = await refusal(
        eventService.createSubscription(institutionId, { url, types: ['sync.done'] }),
      );
      expect(
        error.violations.map(({ field }) => field),
        url,
      ).to.deep.equal(['url', 'types[0]']);
      expect(error.violations[0]?.description).to.match(why);
      expect(error.message).to.not.contain('secret');
      expect(error.violations[1]?.description).to.match(/no events "sync.done"; there are sync.completed,/);
    }
    expect((await eventService.listSubscriptions(institutionId)).items).to.deep.equal([]);
  });

  it('must be https in production, and public', async () => {
    const { database } = await silentServices();
    const guard = createAddressGuard([]);
    const service = new EventService({
      database,
      subscriptions: new SubscriptionStore(
        database,
        new CredentialVault([{ id: 'k1', key: Buffer.alloc(32) }]),
      ),
      agents: createGuardedAgents(guard, { keepAlive: false }),
      rules: { requireTls: true, guard },
    });
    const institutionId = randomUUID();
    for (const [url, why] of [
      ['http://example.com/', /must begin with https/],
      ['https://10.0.0.1/', /private address/],
      ['https://127.0.0.1/', /private address/],
      ['https://[::1]/', /private address/],
    ] as const)
      expect((await refusal(service.createSubscription(institutionId, { url }))).message).to.match(why);
    const { subscription } = await service.createSubscription(institutionId, { url: 'https://example.com/' });
    await service.deleteSubscription(institutionId, subscription.id);
  });

  it('changes what is given alone; `*` stands for all types', async () => {
    const { eventService } = await silentServices();
    const { institutionId, subscribe } = await newInstitution();
    const { subscription } = await subscribe('http://127.0.0.1:9/', ['sync.held', 'sync.failed']);
    expect(subscription.types).to.deep.equal(['sync.held', 'sync.failed']);
    const update = (change: Parameters<typeof eventService.updateSubscription>[2]) =>
      eventService.updateSubscription(institutionId, subscription.id, change);
    expect(await update({ description: 'El colegio' })).to.deep.include({
      description: 'El colegio',
      url: 'http://127.0.0.1:9/',
      types: ['sync.held', 'sync.failed'],
      disabledAt: null,
    });
    expect((await update({ types: ['*'] })).types).to.deep.equal([]);
    const disabled = await update({ enabled: false });
    expect(disabled).to.deep.include({ disabledReason: 'A person disabled it.', description: 'El colegio' });
    expect((await update({ enabled: true })).disabledReason).to.equal(null);
    const unknown = await refusal(eventService.updateSubscription(randomUUID(), subscription.id, {}));
    expect(unknown).to.deep.include({ code: 'not_found' });
  });

  it('that is disabled is not replayed to', async () => {
    const { eventService } = await silentServices();
    const { institutionId, happen, subscribe } = await newInstitution();
    const { subscription } = await subscribe('http://127.0.0.1:9/');
    await happen('x');
    const [event] = (await eventService.listEvents(institutionId)).items;
    await eventService.updateSubscription(institutionId, subscription.id, { enabled: false });
    const error = await refusal(
      eventService.replayEvent(institutionId, event?.id as string, subscription.id),
    );
    expect(error).to.deep.include({ code: 'failed_precondition', reason: 'SUBSCRIPTION_DISABLED' });
  });

  it('and what becomes of it is in the audit, without its secrets', async () => {
    const { database, eventService } = await silentServices();
    const { institutionId, happen, subscribe } = await newInstitution();
    const { subscription, secret } = await subscribe('http://127.0.0.1:9/hook?key=hidden');
    const { id } = subscription;
    await happen('x');
    const [event] = (await eventService.listEvents(institutionId)).items;
    await eventService.updateSubscription(institutionId, id, { description: 'El colegio' });
    await eventService.updateSubscription(institutionId, id, { description: 'El colegio' });
    await eventService.updateSubscription(institutionId, id, { url: 'http://127.0.0.1:9/hook?key=other' });
    await eventService.rotateSubscriptionSecret(institutionId, id, 60);
    await eventService.replayEvent(institutionId, event?.id as string);
    await eventService.deleteSubscription(institutionId, id);
    const rows = await database.query<{ action: string; object: string; after: object | null }>(
      `SELECT action, object_id AS object, after FROM audit_events
       WHERE institution_id = $1 ORDER BY position`,
      [institutionId],
    );
    const url = 'http://127.0.0.1:9/hook?[hidden]';
    expect(rows).to.deep.equal([
      {
        action: 'subscription.created',
        object: id,
        after: { url, types: [], description: '', enabled: true },
      },
      { action: 'subscription.updated', object: id, after: { description: 'El colegio' } },
      { action: 'subscription.updated', object: id, after: { url } },
      { action: 'subscription.updated', object: id, after: { secret: '[replaced]', overlapSeconds: 60 } },
      {
        action: 'event.replayed',
        object: event?.id,
        after: { type: 'integration.error', subscriptions: [id] },
      },
      { action: 'subscription.deleted', object: id, after: null },
    ]);
    expect(JSON.stringify(rows)).to.not.contain(secret);
  });

  it('is one of fifty at most', async () => {
    const { eventService } = await silentServices();
    const institutionId = randomUUID();
    const create = () => eventService.createSubscription(institutionId, { url: 'http://127.0.0.1:9/' });
    const made = await Promise.allSettled(Array.from({ length: 75 }, create));
    expect(made.filter(({ status }) => status === 'fulfilled')).to.have.length(50);
    expect(await refusal(create())).to.deep.include({ reason: 'TOO_MANY_SUBSCRIPTIONS' });
    const ids: string[] = [];
    for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
      const page = await eventService.listSubscriptions(institutionId, { pageSize: 20, pageToken });
      ids.push(...page.items.map(({ id }) => id));
      pageToken = page.nextPageToken;
    }
    expect(new Set(ids).size).to.equal(50);
  });

  it('and its events are listed by pages that neither repeat nor leave out', async () => {
    const { eventService } = await silentServices();
    const { institutionId, integrationId, happen, subscribe } = await newInstitution();
    await subscribe('http://127.0.0.1:9/');
    await subscribe('http://127.0.0.1:9/');
    const other = randomUUID();
    for (let nth = 0; nth < 9; nth++) await happen(String(nth), nth % 3 ? integrationId : other);
    const walk = async <T>(
      list: (pageToken: string) => Promise<{ items: T[]; nextPageToken?: string | undefined }>,
    ) => {
      const all: T[] = [];
      for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
        const page: { items: T[]; nextPageToken?: string | undefined } = await list(pageToken);
        all.push(...page.items);
        pageToken = page.nextPageToken;
      }
      return all;
    };
    const events = await walk((pageToken) =>
      eventService.listEvents(institutionId, { pageSize: 2, pageToken }),
    );
    expect(events.map(({ data }) => (data as { error: string }).error).join('')).to.equal('876543210');
    const of = await eventService.listEvents(institutionId, { integrationId: other });
    expect(of.items).to.have.length(3);
    expect((await eventService.listEvents(institutionId, { types: ['sync.held'] })).items).to.deep.equal([]);
    const deliveries = await walk((pageToken) =>
      eventService.listEventDeliveries(institutionId, { pageSize: 4, pageToken }),
    );
    expect(new Set(deliveries.map(({ eventId, subscriptionId }) => eventId + subscriptionId)).size).to.equal(
      18,
    );
    const dead = await eventService.listEventDeliveries(institutionId, { status: 'DEAD' });
    expect(dead.items).to.deep.equal([]);
  });
});
