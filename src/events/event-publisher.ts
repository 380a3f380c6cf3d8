import { setTimeout as sleep } from 'node:timers/promises';
import type { JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Database, Lease, Leases } from '../database/index.js';
import type { Logger } from '../observability/index.js';
import { CLOUD_EVENT, cloudEventOf } from './cloud-event.js';
import { EVENT_COLUMNS } from './event-store.js';
import type { StoredEvent } from './event-types.js';

export interface EventPublisherOptions {
  database: Database;
  leases: Leases;
  /** `nats://user:password@host:4222`. */
  url: string;
  logger: Logger;
  /** Name of the stream. Default SMARTID_EVENTS. */
  stream?: string;
  /** What subjects begin with. Default smartid.events. */
  prefix?: string;
  /** Milliseconds between two looks while nothing is to be published, or another process publishes. Default 500. */
  everyMs?: number;
}

/** The lease is of no integration: one process publishes for all. */
const LEASE = { integrationId: '00000000-0000-0000-0000-000000000000', resource: 'events:nats' };
/** Events published before it is written down: so many may be published again after a crash. */
const BATCH = 100;
const DUPLICATES_MS = 600_000;
/** How long an answer of the server is waited for, in milliseconds. */
const ANSWER_MS = 5_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Publishes events to NATS JetStream, each at least once, those of one stream in their order. Of several
 * processes one publishes; when it dies, another does.
 */
export class EventPublisher {
  readonly #options: Required<EventPublisherOptions>;
  readonly #stop = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(options: EventPublisherOptions) {
    this.#options = { stream: 'SMARTID_EVENTS', prefix: 'smartid.events', everyMs: 500, ...options };
  }

  start(): void {
    this.#work = this.#options.database.inLane('events', () => this.#run());
  }

  /** Publishes what it has begun with, and nothing more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  async #run(): Promise<void> {
    const { leases, logger, everyMs, url } = this.#options;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      try {
        const lease = await leases.take(LEASE);
        if (lease) await this.#publishWith(lease, () => (failures = 0));
      } catch (error) {
        const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
        failures += 1;
        logger.warn({ err: error, host: hostOf(url), pauseMs }, 'events could not be published to NATS');
        await this.#pause(pauseMs);
      }
      await this.#pause(everyMs);
    }
  }

  /** Publishes as long as the lease is held, NATS is there, and the process goes on. */
  async #publishWith(lease: Lease, succeeded: () => void): Promise<void> {
    let connection: NatsConnection | undefined;
    try {
      const opened = await this.#connect();
      connection = opened.connection;
      while (!this.#stop.signal.aborted && !connection.isClosed()) {
        lease.throwIfLost();
        const count = await this.#publishSome(lease, opened.client);
        succeeded();
        if (count === 0) await this.#pause(this.#options.everyMs);
      }
    } finally {
      await connection?.close().catch(() => {});
      await lease.end();
    }
  }

  async #connect(): Promise<{ connection: NatsConnection; client: JetStreamClient }> {
    const { url, stream, prefix } = this.#options;
    // Only who publishes loads them.
    const { connect } = await import('@nats-io/transport-node');
    const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
    const { protocol, host, username, password } = new URL(url);
    const connection = await connect({
      servers: host,
      name: 'smartid-integrations',
      timeout: ANSWER_MS,
      // The loop above begins anew, with the lease.
      reconnect: false,
      ...(protocol === 'tls:' && { tls: {} }),
      ...(password
        ? { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
        : username && { token: decodeURIComponent(username) }),
    });
    try {
      const manager = await jetstreamManager(connection, { timeout: ANSWER_MS });
      const names = await manager.streams.names(`${prefix}.>`).next();
      if (names.length === 0) {
        await manager.streams.add({
          name: stream,
          subjects: [`${prefix}.>`],
          duplicate_window: DUPLICATES_MS * 1_000_000,
        });
      }
      return { connection, client: jetstream(connection, { timeout: ANSWER_MS }) };
    } catch (error) {
      await connection.close().catch(() => {});
      throw error;
    }
  }

  /** Publishes the next events and writes it down; returns how many. */
  async #publishSome(lease: Lease, client: JetStreamClient): Promise<number> {
    const { database } = this.#options;
    // Of one stream, whoever sees an event sees those before it: they were committed first.
    const events = await database.query<StoredEvent>(
      `SELECT ${EVENT_COLUMNS} FROM events e WHERE NOT e.published ORDER BY e.position LIMIT ${BATCH}`,
    );
    const done: StoredEvent[] = [];
    try {
      for (const event of events) {
        // Of a process that was frozen, another has published this by now, and what came after it.
        lease.assertNotExpired();
        // One after the other: else one that fails would come after those behind it.
        await this.#publish(client, event);
        done.push(event);
      }
    } finally {
      if (done.length > 0) await this.#note(lease, done);
    }
    return done.length;
  }

  async #publish(client: JetStreamClient, event: StoredEvent): Promise<void> {
    const { headers } = await import('@nats-io/transport-node');
    const about = headers();
    about.set('Content-Type', CLOUD_EVENT);
    const { institutionId, streamId, type } = event;
    const integration = streamId === institutionId ? 'none' : streamId;
    await client.publish(
      `${this.#options.prefix}.${institutionId}.${integration}.${type}`,
      cloudEventOf(event),
      { msgID: event.id, headers: about },
    );
  }

  async #note(lease: Lease, events: readonly StoredEvent[]): Promise<void> {
    const { database } = this.#options;
    await lease.transaction(() =>
      database.execute(
        `UPDATE events e SET published = true
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS p (institution_id, stream_id, position)
         WHERE e.institution_id = p.institution_id AND e.stream_id = p.stream_id AND e.position = p.position`,
        [
          events.map(({ institutionId }) => institutionId),
          events.map(({ streamId }) => streamId),
          events.map(({ position }) => position),
        ],
      ),
    );
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}

/** Without user and password. */
function hostOf(url: string): string {
  return new URL(url).host;
}
