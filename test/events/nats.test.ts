import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { expect } from 'chai';
import { pino } from 'pino';
import type { Database } from '../../src/database/index.js';
import { cloudEventOf } from '../../src/events/cloud-event.js';
import { EventPublisher } from '../../src/events/index.js';
import { createLogger } from '../../src/observability/index.js';
import { newInstitution, silentServices } from '../support/event-senders.js';
import { gate } from '../support/gate.js';
import { NATS_PASSWORD, NATS_USER, natsServer } from '../support/nats-server.js';
import { leasesOfAProcess, sharedByProcesses } from '../support/process.js';
import { until } from '../support/until.js';

describe('events on NATS JetStream', () => {
  let nats: NonNullable<Awaited<ReturnType<typeof natsServer>>>;
  const publishers: EventPublisher[] = [];
  const connections: NatsConnection[] = [];

  before(async function () {
    const server = await natsServer();
    if (!server) {
      if (process.env.CI) throw new Error('Install nats-server: CI tests events on NATS.');
      console.warn('SKIPPED: no nats-server is installed; events on NATS are not tested.');
      return this.skip();
    }
    nats = server;
  });
  afterEach(async () => {
    await Promise.all(publishers.splice(0).map((publisher) => publisher.stop()));
    await Promise.all(connections.splice(0).map((connection) => connection.close()));
  });
  after(() => nats?.kill());

  /** Starts a publisher as one of several processes would. */
  const publish = async (
    url = nats.url,
    logger = createLogger({ level: 'silent' }),
    changed: Partial<Database> = {},
  ) => {
    const { database } = await silentServices();
    const own = sharedByProcesses(database, changed);
    const publisher = new EventPublisher({
      database: own,
      leases: leasesOfAProcess(own, { ttlSeconds: 2 }),
      url,
      logger,
      everyMs: 10,
    });
    publishers.push(publisher);
    publisher.start();
    return publisher;
  };
  const client = async () => {
    const credentials = { user: NATS_USER, pass: NATS_PASSWORD };
    const connection = await connect({ servers: nats.servers, ...credentials });
    connections.push(connection);
    return connection;
  };
  /** The messages about an institution, in the order of the stream. */
  const messagesOf = async (institutionId: string) => {
    const connection = await client();
    const consumer = await jetstream(connection).consumers.get('SMARTID_EVENTS', {
      filter_subjects: `smartid.events.${institutionId}.>`,
    });
    const messages: { subject: string; id: string; type: string; text: string }[] = [];
    const { num_pending: count } = await consumer.info();
    while (messages.length < count) {
      const message = await consumer.next();
      if (!message) break;
      messages.push({
        subject: message.subject,
        id: message.headers?.get('Nats-Msg-Id') ?? '',
        type: message.headers?.get('Content-Type') ?? '',
        text: message.string(),
      });
    }
    return messages;
  };
  const published = async (institutionId: string) => {
    const { database } = await silentServices();
    await until(async () => {
      const left = await database.query('SELECT 1 FROM events WHERE institution_id = $1 AND NOT published', [
        institutionId,
      ]);
      return left.length === 0;
    });
  };

  it('are those that happened before it was there and those after, in their order, under their ids', async () => {
    const { eventService } = await silentServices();
    const { institutionId, integrationId, happen } = await newInstitution();
    for (const error of ['1', '2', '3']) await happen(error);
    await publish();
    await published(institutionId);
    await happen('4', institutionId);
    await published(institutionId);
    const events = (await eventService.listEvents(institutionId)).items.reverse();
    expect(await messagesOf(institutionId)).to.deep.equal(
      events.map((event, nth) => ({
        subject: `smartid.events.${institutionId}.${nth < 3 ? integrationId : 'none'}.integration.error`,
        id: event.id,
        type: 'application/cloudevents+json; charset=utf-8',
        text: cloudEventOf(event),
      })),
    );
  });

  it('are there once when they are published again', async () => {
    const { database } = await silentServices();
    const { institutionId, happen } = await newInstitution();
    for (const error of ['1', '2']) await happen(error);
    const publisher = await publish();
    await published(institutionId);
    await publisher.stop();
    // As a process leaves it that was killed before it could write down that they are published.
    await database.execute('UPDATE events SET published = false WHERE institution_id = $1', [institutionId]);
    await publish();
    await published(institutionId);
    expect(await messagesOf(institutionId)).to.have.length(2);
  });

  it('wait while the server is away, and come in their order when it is back', async () => {
    const { institutionId, happen } = await newInstitution();
    await publish();
    await happen('before');
    await published(institutionId);
    await nats.kill();
    for (const error of ['meanwhile', 'later']) await happen(error);
    await nats.start();
    await published(institutionId);
    const texts = (await messagesOf(institutionId)).map(({ text }) => JSON.parse(text).data.error);
    expect(texts).to.deep.equal(['before', 'meanwhile', 'later']);
  });

  it('are published by one process at a time, and by another when that one dies', async () => {
    const { database } = await silentServices();
    const { institutionId, happen } = await newInstitution();
    // It holds the lease of a process that was killed.
    await database.execute(
      `INSERT INTO leases (integration_id, resource, owner, expires_at)
       VALUES ('00000000-0000-0000-0000-000000000000', 'events:nats', $1, now() + interval '1 s')`,
      [randomUUID()],
    );
    await Promise.all([publish(), publish(), publish()]);
    for (const error of ['1', '2', '3', '4', '5']) await happen(error);
    await published(institutionId);
    const texts = (await messagesOf(institutionId)).map(({ text }) => JSON.parse(text).data.error);
    expect(texts).to.deep.equal(['1', '2', '3', '4', '5']);
    const [held] = await database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM leases WHERE resource = 'events:nats'`,
    );
    expect(held?.count).to.equal(1);
  });

  it('are published no more by a process that was frozen while another took over', async () => {
    const { database } = await silentServices();
    const { institutionId, happen } = await newInstitution();
    // What is published again comes as another message.
    const manager = await jetstreamManager(await client());
    await manager.streams.update('SMARTID_EVENTS', { duplicate_window: 100_000_000 });
    for (const error of ['1', '2']) await happen(error);
    const [frozen, thaws] = [gate(), gate()];
    const first = await publish(nats.url, createLogger({ level: 'silent' }), {
      // It renews nothing, and stands still between what it read and what it publishes.
      executeApart: () => new Promise(() => {}),
      query: (async (sql: string, values?: unknown[]) => {
        const rows = await database.query(sql, values as never);
        if (!sql.includes('NOT e.published')) return rows;
        frozen.open();
        await thaws.opened;
        return rows;
      }) as Database['query'],
    });
    await frozen.opened;
    await publish();
    await published(institutionId);
    await happen('3');
    await published(institutionId);
    await until(async () => {
      const { state } = await manager.streams.info('SMARTID_EVENTS');
      return Date.now() - Date.parse(state.last_ts) > 200;
    });
    thaws.open();
    await first.stop();
    const texts = (await messagesOf(institutionId)).map(({ text }) => JSON.parse(text).data.error);
    expect(texts).to.deep.equal(['1', '2', '3']);
  });

  it('are published whatever a school said, of which the beginning is told', async () => {
    const { institutionId, happen } = await newInstitution();
    await happen('x'.repeat(2_000_000));
    await happen('then');
    await publish();
    await published(institutionId);
    const texts = (await messagesOf(institutionId)).map(({ text }) => JSON.parse(text).data.error);
    expect(texts).to.deep.equal([`${'x'.repeat(2_000)}…`, 'then']);
  });

  it('go into the stream that the operator made', async () => {
    const manager = await jetstreamManager(await client());
    const { config } = await manager.streams.info('SMARTID_EVENTS');
    await manager.streams.delete('SMARTID_EVENTS');
    await manager.streams.add({ ...config, max_age: 3_600_000_000_000 });
    const { institutionId, happen } = await newInstitution();
    await happen('x');
    await publish();
    await published(institutionId);
    const info = await manager.streams.info('SMARTID_EVENTS');
    expect(info.config.max_age).to.equal(3_600_000_000_000);
    expect(await messagesOf(institutionId)).to.have.length(1);
  });

  it('are not published with a wrong password, and nobody waits for them', async () => {
    const { database } = await silentServices();
    const { institutionId, happen } = await newInstitution();
    const log: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => log.push(line) });
    await publish(nats.url.replace(NATS_USER, 'nobody'), logger);
    await happen('x');
    await until(() => log.length > 0);
    expect(log[0])
      .to.contain('events could not be published to NATS')
      .and.match(/authorization/i);
    expect(log.join()).to.not.contain(NATS_PASSWORD).and.not.contain(encodeURIComponent(NATS_PASSWORD));
    const [event] = await database.query('SELECT published FROM events WHERE institution_id = $1', [
      institutionId,
    ]);
    expect(event).to.deep.equal({ published: false });
  });
});
