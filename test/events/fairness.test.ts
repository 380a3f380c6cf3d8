import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type Lane, LaneStore, type NextDelivery } from '../../src/events/lane-store.js';
import { newInstitution, silentServices, startSender, stopSenders } from '../support/event-senders.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';
import { closeReceivers, webhookReceiver } from '../support/webhook-receiver.js';

describe('a receiver that is slow', () => {
  beforeEach(async () => {
    const { database } = await silentServices();
    await database.execute('UPDATE event_lanes SET due_at = NULL');
  });
  afterEach(stopSenders);
  after(closeReceivers);

  it('and has a backlog keeps no other subscription waiting', async () => {
    const { happen, subscribe } = await newInstitution();
    const go = gate();
    const slow = await webhookReceiver(async () => {
      await go.opened;
      return 200;
    });
    // So many that their lanes fill a sender, each with something else behind.
    const integrations = Array.from({ length: 6 }, () => randomUUID());
    for (let nth = 0; nth < 8; nth++) await subscribe(slow.url);
    for (const of of integrations) for (let nth = 0; nth < 3; nth++) await happen('slow', of);
    const other = await newInstitution();
    const fast = await webhookReceiver();
    await other.subscribe(fast.url);
    await other.happen('fast');
    await startSender();
    await until(() => fast.received.length === 1);
    expect(slow.received.length).to.be.lessThan(48);
    go.open();
  });

  it('and answers has its next event sent after those that others wait for', async () => {
    const slowOne = await newInstitution();
    const slow = await webhookReceiver(() => 200);
    await slowOne.subscribe(slow.url);
    for (let nth = 0; nth < 80; nth++) await slowOne.happen(`slow ${nth}`);
    const fastOne = await newInstitution();
    const fast = await webhookReceiver(() => 200);
    let before = -1;
    fast.answer = () => {
      before = slow.received.length;
      return 200;
    };
    await fastOne.subscribe(fast.url);
    await fastOne.happen('fast');
    await startSender({ concurrency: 1 });
    await until(() => fast.received.length === 1);
    expect(before).to.be.within(1, 26);
    await slowOne.settled(...Array.from({ length: 80 }, () => 'DELIVERED' as const));
  });

  it('has four lanes worked on at once, one while it fails, and its institution eight', async () => {
    const { database } = await silentServices();
    const { happen, subscribe } = await newInstitution();
    const lanes = new LaneStore(database);
    const claimAll = async () => {
      const claimed: Lane[] = [];
      for (let lane = await lanes.claim(); lane; lane = await lanes.claim()) claimed.push(lane);
      return claimed;
    };
    const { subscription } = await subscribe('http://127.0.0.1:9/');
    const integrations = Array.from({ length: 5 }, () => randomUUID());
    for (const of of integrations) await happen('x', of);
    const four = await claimAll();
    expect(four).to.have.length(4);
    const [lane] = four as [Lane];
    const next = (await lanes.next(lane)) as NextDelivery;
    await lanes.record(lane, next, { kind: 'retry', reason: 'it is away' });
    for (const one of four) await lanes.release(one);
    const one = await claimAll();
    expect(one.map(({ subscriptionId }) => subscriptionId)).to.deep.equal([subscription.id]);
    for (let nth = 0; nth < 2; nth++) await subscribe('http://127.0.0.1:9/');
    for (const of of integrations) await happen('y', of);
    expect(await claimAll(), 'of the institution').to.have.length(7);
    const other = await newInstitution();
    await other.subscribe('http://127.0.0.1:9/');
    await other.happen('z');
    const [last] = await claimAll();
    expect(last?.institutionId).to.equal(other.institutionId);
  });
});
