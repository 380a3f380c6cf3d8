import pg from 'pg';
import type { Logger } from '../observability/index.js';

export interface Subscription {
  /** Hears no more. */
  close(): Promise<void>;
}

interface Subscriber {
  heard: (payload: string) => void;
  /** Called when the connection was lost and is back: what was said meanwhile was not heard. */
  missed: () => void;
}

/** How long to wait before the connection is made again: at first, and at most, in milliseconds. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** How often the connection is asked whether it still lives, and how long it may take to say so, or to be made. */
const ASK_EVERY_MS = 10_000;
const ANSWER_MS = 5_000;

/**
 * One connection that hears NOTIFY, for all channels of the process. It is made at the first subscription, and
 * made again when it breaks. What is said while it is broken is lost: subscribers are told, and must look for
 * themselves.
 */
export class Listener {
  readonly #channels = new Map<string, Set<Subscriber>>();
  #client: pg.Client | undefined;
  #connecting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pause = FIRST_PAUSE_MS;
  #isClosed = false;

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly logger: Logger,
  ) {}

  /** Hears what is said on a channel, whose name is one of ours. Ends well although the database is away. */
  async listen(
    channel: string,
    heard: Subscriber['heard'],
    missed: Subscriber['missed'],
  ): Promise<Subscription> {
    const subscriber = { heard, missed };
    const subscribers = this.#channels.get(channel) ?? new Set();
    subscribers.add(subscriber);
    this.#channels.set(channel, subscribers);
    if (this.#client) await this.#client.query(`LISTEN "${channel}"`).catch(() => this.#lost(this.#client));
    else await this.#connect();
    return {
      close: async () => {
        subscribers.delete(subscriber);
        if (subscribers.size > 0) return;
        this.#channels.delete(channel);
        await this.#client?.query(`UNLISTEN "${channel}"`).catch(() => undefined);
      },
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#connecting;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  #connect(): Promise<void> {
    if (this.#client) return Promise.resolve();
    // Else it would make a second one, which nobody knows of.
    clearTimeout(this.#timer);
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<void> {
    const client = new pg.Client({
      ...this.config,
      keepAlive: true,
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
    });
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ channel, payload }) => {
      for (const { heard } of this.#channels.get(channel) ?? []) heard(payload ?? '');
    });
    try {
      await client.connect();
      this.#client = client;
      for (const channel of this.#channels.keys()) await client.query(`LISTEN "${channel}"`);
    } catch (error) {
      this.logger.warn({ err: error }, 'no connection that hears of changes; they are looked for instead');
      this.#client = client;
      this.#lost(client);
      return;
    }
    this.#pause = FIRST_PAUSE_MS;
    this.#askLater(client);
    for (const subscribers of this.#channels.values()) for (const { missed } of subscribers) missed();
  }

  #askLater(client: pg.Client): void {
    if (this.#isClosed || this.#client !== client) return;
    this.#timer = setTimeout(() => {
      client.query('SELECT 1').then(
        () => this.#askLater(client),
        () => this.#lost(client),
      );
    }, ASK_EVERY_MS).unref();
  }

  #lost(client: pg.Client | undefined): void {
    if (!client || this.#client !== client) return;
    this.#client = undefined;
    clearTimeout(this.#timer);
    client.end().catch(() => undefined);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#connect(), this.#pause).unref();
    this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
  }
}
