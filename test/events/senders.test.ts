import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { emit } from '../../src/events/index.js';
import { LaneStore } from '../../src/events/lane-store.js';
import { newInstitution, silentServices, startSender, stopSenders } from '../support/event-senders.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';
import { closeReceivers, webhookReceiver } from '../support/webhook-receiver.js';

describe('several senders of events', () => {
  // What other tests left waiting is nobody's here.
  beforeEach(async () => {
    const { database } = await silentServices();
    await database.execute('UPDATE event_lanes SET due_at = NULL');
  });
  afterEach(stopSenders);
  after(closeReceivers);

  it('decide nothing about a lane that another took over while they were frozen', async () => {
    const { database } = await silentServices();
    const { institutionId, happen, subscribe, deliveries } = await newInstitution();
    await subscribe('http://127.0.0.1:9/');
    await happen('first');
    await happen('second');
    const frozen = new LaneStore(database);
    const other = new LaneStore(database);
    const claimed = await frozen.claim();
    if (!claimed) throw new Error('nothing was due');
    const first = await frozen.next(claimed);
    expect(await other.claim(), 'while it is claimed').to.equal(undefined);
    await database.execute(
      `UPDATE event_lanes SET claimed_until = now() - interval '1 s' WHERE institution_id = $1`,
      [institutionId],
    );
    const taken = await other.claim();
    if (!first || !taken) throw new Error('the lane was not taken over');
    // The same event, under the same id: what the frozen one may have sent is known by it.
    const again = await other.next(taken);
    expect(again).to.deep.include({ id: first.id, attempts: 2 });
    await other.record(taken, again as NonNullable<typeof again>, { kind: 'delivered', httpStatus: 200 });
    await frozen.record(claimed, first, { kind: 'refused', reason: 'too late', httpStatus: 400 });
    expect(await frozen.next(claimed)).to.equal(undefined);
    expect((await deliveries()).map(({ status }) => status)).to.deep.equal(['DELIVERED', 'WAITING']);
    // Nor did it let the lane go that is another's.
    expect(await frozen.claim()).to.equal(undefined);
    const second = (await other.next(taken)) as NonNullable<typeof again>;
    expect(second.data).to.deep.include({ error: 'second' });
    await other.record(taken, second, { kind: 'delivered', httpStatus: 200 });
    expect(await other.next(taken)).to.equal(undefined);
  });

  it('take up what a sender left that died, once its claim has run out', async () => {
    const { database } = await silentServices();
    const { institutionId, happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver();
    await subscribe(receiver.url);
    await happen('x');
    const dead = new LaneStore(database);
    const lane = await dead.claim();
    const next = lane && (await dead.next(lane));
    await startSender();
    await happen('y');
    await database.execute('UPDATE event_lanes SET claimed_until = now() WHERE institution_id = $1', [
      institutionId,
    ]);
    await settled('DELIVERED', 'DELIVERED');
    expect(receiver.received[0]?.id).to.equal(next?.id);
  });

  it('clear the claims of the processes before, where they know to be alone', async () => {
    const { database } = await silentServices();
    const { happen, subscribe, settled } = await newInstitution();
    const receiver = await webhookReceiver();
    await subscribe(receiver.url);
    await happen('x');
    expect(await new LaneStore(database).claim()).to.not.equal(undefined);
    await startSender({ alone: true });
    await settled('DELIVERED');
  });

  it('give back at their end what a receiver has not answered', async () => {
    const { happen, subscribe, settled, deliveries } = await newInstitution();
    const receiver = await webhookReceiver(() => undefined);
    await subscribe(receiver.url);
    await happen('x');
    const sender = await startSender();
    await until(() => receiver.received.length === 1);
    await sender.stop();
    expect((await deliveries())[0]).to.deep.include({ status: 'WAITING', attempts: 1 });
    receiver.answer = () => 200;
    await startSender();
    await settled('DELIVERED');
    expect(receiver.received[1]?.id).to.equal(receiver.received[0]?.id);
  });

  it('miss no event that is committed while a lane is let go', async () => {
    const { database } = await silentServices();
    const { institutionId, happen, subscribe } = await newInstitution();
    const receiver = await webhookReceiver();
    await subscribe(receiver.url);
    await startSender();
    // Each comes about when the one before has just been told, so that the lane is being let go.
    for (let nth = 1; nth <= 40; nth++) {
      await happen(String(nth));
      await until(() => receiver.received.length === nth);
    }
    const [lane] = await database.query(
      'SELECT count(*)::int AS lanes FROM event_lanes WHERE institution_id = $1',
      [institutionId],
    );
    expect(lane).to.deep.equal({ lanes: 1 });
  });

  it('tell of what was written first, although it is committed later than it was asked for', async () => {
    const { database } = await silentServices();
    const { happen, subscribe } = await newInstitution();
    const receiver = await webhookReceiver();
    await subscribe(receiver.url);
    await startSender();
    const [written, look] = [gate(), gate()];
    const first = database.transaction(async () => {
      await happen('first');
      written.open();
      await look.opened;
    });
    await written.opened;
    let isDone = false;
    const second = happen('second').then(() => {
      isDone = true;
    });
    // On the embedded database transactions follow one another anyway.
    if (!database.isExclusive) {
      await until(async () => {
        const waiting = await database.query(
          `SELECT 1 FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event = 'advisory' AND query LIKE '%xact_lock%'`,
        );
        return waiting.length > 0 || isDone;
      });
    }
    expect(isDone).to.equal(false);
    look.open();
    await Promise.all([first, second]);
    await until(() => receiver.received.length === 2);
    expect(receiver.received.map(({ event }) => event.data.error)).to.deep.equal(['first', 'second']);
  });

  it('tell all that was committed, nothing else, and each integration in its order', async () => {
    const { database } = await silentServices();
    const change = fc.record({
      integration: fc.integer({ min: 0, max: 2 }),
      events: fc.integer({ min: 1, max: 3 }),
      commits: fc.boolean(),
    });
    const trouble = fc.array(fc.constantFrom(200, 200, 503, 429, 'crash' as const), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 25 }),
        trouble,
        async (changes, troubles) => {
          const { institutionId, subscribe, deliveries } = await newInstitution();
          const integrations = [randomUUID(), randomUUID(), randomUUID()] as const;
          const receiver = await webhookReceiver((_message, response) => {
            const next = troubles.shift() ?? 200;
            if (next !== 'crash') return next;
            response.socket?.destroy();
            return undefined;
          });
          await subscribe(receiver.url);
          await Promise.all([startSender(), startSender(), startSender({ concurrency: 2 })]);
          const told = new Map<string, number>(integrations.map((id) => [id, 0]));
          const doChange = async ({ integration, events, commits }: (typeof changes)[number]) => {
            const integrationId = integrations[integration] as string;
            const work = async () => {
              for (let nth = 0; nth < events; nth++) {
                await emit(database, {
                  institutionId,
                  integrationId,
                  type: 'integration.error',
                  data: { integrationId, provider: 'ACME', error: commits ? 'committed' : 'rolled back' },
                });
              }
              if (!commits) throw new Error('taken back');
            };
            const done = await database.transaction(work).then(
              () => true,
              () => false,
            );
            expect(done).to.equal(commits);
            if (done) told.set(integrationId, (told.get(integrationId) ?? 0) + events);
          };
          await Promise.all(changes.map(doChange));
          await until(async () => (await deliveries()).every(({ status }) => status === 'DELIVERED'));
          await stopSenders();
          const rows = receiver.received;
          expect(rows.every(({ event }) => event.data.error === 'committed')).to.equal(true);
          for (const integrationId of integrations) {
            const arrived = rows.filter(({ event }) => event.source.endsWith(integrationId));
            // The first time that each came: none before one with a lower number.
            const first = [...new Set(arrived.map(({ event }) => event.sequence))];
            expect(first).to.deep.equal([...first].sort());
            expect(first).to.have.length(told.get(integrationId) as number);
            // The same event has the same id, and no other has it.
            expect(new Set(arrived.map(({ id }) => id)).size).to.equal(first.length);
          }
          await closeReceivers();
        },
      ),
      { numRuns: 15, includeErrorInReport: true },
    );
  });
});
