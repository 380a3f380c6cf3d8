import { type Job, type JobWithMetadata, PgBoss, type Queue } from 'pg-boss';
import type { Database } from '../database/index.js';
import { type EnqueueFacts, type Logger, operations } from '../observability/index.js';

/** How the jobs of a queue are tried again. */
export interface RetryOptions {
  /** How often a job that failed is tried again; then it has failed for good. Default 2. */
  retryLimit?: number;
  /** Seconds to wait before a job is tried again. Default 0. */
  retryDelay?: number;
  /** Whether that doubles each time, with jitter. */
  retryBackoff?: boolean;
  /** Seconds that it waits at most. */
  retryDelayMax?: number;
}

export interface QueueOptions extends RetryOptions {
  /** Of jobs with the same `singletonKey`, only one waits or is under way: others are not taken. */
  once?: boolean;
  /** Seconds that a job may take, at most a day, which is the default. Its signal is aborted then. */
  expireInSeconds?: number;
  /** Seconds after which a job that has ended is forgotten. Default a day. */
  forgetAfterSeconds?: number;
}

export interface SendOptions extends RetryOptions {
  /** When it may begin: seconds from now, or a time. */
  startAfter?: number | Date;
  singletonKey?: string;
  /** Higher ones begin first; default 0. */
  priority?: number;
  /** Whom it is for: `groupConcurrency` of `work` counts these. */
  group?: string;
  /** How many of its group may be under way at once, where that is not as `work` says. More than 32 are no limit. */
  groupLimit?: number;
}

export interface WorkOptions {
  /** How many jobs of the queue this process does at once. */
  concurrency: number;
  /**
   * About how many jobs of one group are under way at once, over all processes: two workers that look at the
   * same moment may both take one. The others of the group wait, and keep nobody else waiting. `as sent`: as many as
   * each job says, and any number where it does not.
   */
  groupConcurrency?: number | 'as sent';
}

export interface JobContext {
  /** The job's id. */
  id: string;
  /** 1, and one more for each time that it was tried before. */
  attempt: number;
  /** Aborted when the job has been taken from this process, or has taken too long. */
  signal: AbortSignal;
}

/** Throw it in a handler to have the job tried again after so many seconds, counted as a retry. */
export class TryLater extends Error {
  constructor(
    readonly seconds: number,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(reason, options);
    this.name = 'TryLater';
  }
}

export interface JobQueueOptions {
  database: Database;
  logger: Logger;
}

/** What a job holds: what it was sent with, and the trace it goes on. */
interface Sent<Data> {
  data: Data;
  traceparent?: string | undefined;
}

/** A process that was not heard of for so long has lost its jobs. The shortest that pg-boss takes. */
const HEARTBEAT_SECONDS = 10;
/** How often it is looked for such processes. */
const LOOK_EVERY_SECONDS = 3;
/** How often a worker that nobody wakes looks for a job: where it cannot hear of one, and where it can. */
const POLL_SECONDS = 2;
const POLL_WHEN_LISTENING_SECONDS = 5;
/** So that a job that waits until then may begin by the clock of the database too, in milliseconds. */
const WAKE_AFTER_MS = 50;
const DAY_SECONDS = 24 * 60 * 60;
/** Limits of groups that jobs may bring: to pg-boss, names. */
const MOST_TIERS = 32;
const AS_SENT = {
  default: 1_000_000,
  tiers: Object.fromEntries(Array.from({ length: MOST_TIERS }, (_, n) => [String(n + 1), n + 1])),
};
/** How long jobs that nobody takes are kept. */
const KEEP_SECONDS = 30 * DAY_SECONDS;

/**
 * Durable jobs in the service's own database, by pg-boss, which no other file knows. A job that was sent inside
 * a transaction exists exactly when that was committed. It is done at least once: by whichever process takes it
 * first, and again when that one dies or its handler throws.
 */
export class JobQueue {
  readonly #boss: PgBoss;
  readonly #database: Database;
  readonly #logger: Logger;
  /** Ids of the workers of each queue that this process works on. */
  readonly #workers = new Map<string, string[]>();
  readonly #queues = new Set<string>();

  constructor({ database, logger }: JobQueueOptions) {
    this.#database = database;
    this.#logger = logger;
    this.#boss = new PgBoss({
      schema: 'pgboss',
      // Its statements join the transaction under way, and share the one session of an embedded database.
      db: {
        executeSql: (text, values) =>
          database.withClient(
            async (client) => (await client.query(text, values ?? [])) as { rows: unknown[] },
          ),
        ...(database.listens && {
          listen: (channel: string, heard: (payload: string) => void, missed: () => void) =>
            database.listen(channel, heard, missed),
        }),
      },
      backend: database.isExclusive ? 'pglite' : 'postgres',
      useListenNotify: database.listens,
      superviseIntervalSeconds: LOOK_EVERY_SECONDS,
      monitorIntervalSeconds: LOOK_EVERY_SECONDS,
      schedule: false,
      registerInstance: false,
      monitorVacuum: false,
      openTelemetry: { enabled: false },
    });
    this.#boss.on('error', (error: Error) => logger.warn({ err: error }, 'the job queue had trouble'));
    this.#boss.on('warning', (warning: { message: string; data: object }) =>
      logger.warn({ warning }, 'the job queue warns'),
    );
  }

  /** Makes or updates its tables. Before anything else. */
  async start(): Promise<void> {
    await this.#boss.start();
  }

  /** Makes a queue, or gives it these options. Before jobs are sent to it. */
  async define(name: string, options: QueueOptions = {}): Promise<void> {
    const { once, expireInSeconds = DAY_SECONDS, forgetAfterSeconds = DAY_SECONDS, ...retry } = options;
    const settings = {
      ...retry,
      expireInSeconds,
      deleteAfterSeconds: forgetAfterSeconds,
      retentionSeconds: KEEP_SECONDS,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      notify: this.#database.listens,
    } satisfies Partial<Queue>;
    await this.#boss.createQueue(name, { ...settings, policy: once ? 'exclusive' : 'standard' });
    await this.#boss.updateQueue(name, settings);
    this.#queues.add(name);
    // Whoever worked on the embedded database before is dead.
    if (this.#database.isExclusive) await this.#restoreAll(name);
  }

  /**
   * Adds a job, in the transaction under way where there is one. Returns its id; undefined when the queue takes
   * one of its `singletonKey` only, and has it.
   */
  async send(name: string, data: object, options: SendOptions = {}): Promise<string | undefined> {
    const told: EnqueueFacts = { queue: name };
    const id = await operations.enqueue.observe(told, () =>
      this.#boss.send(
        name,
        { data, traceparent: told.traceparent } satisfies Sent<object>,
        toBossOptions(options),
      ),
    );
    // Workers of this process need not hear of it from the database.
    this.#database.afterCommit(() => this.wake(name));
    return id ?? undefined;
  }

  /** Adds many jobs by one statement, each as `send` does. */
  async sendAll(
    name: string,
    jobs: readonly { data: object; options?: SendOptions | undefined }[],
  ): Promise<void> {
    if (jobs.length === 0) return;
    const told: EnqueueFacts = { queue: name };
    await operations.enqueue.observe(told, () =>
      this.#boss.insert(
        name,
        jobs.map(({ data, options = {} }) => ({
          data: { data, traceparent: told.traceparent } satisfies Sent<object>,
          ...toBossOptions(options),
        })),
      ),
    );
    this.#database.afterCommit(() => this.wake(name));
  }

  /** Does the jobs of a queue as they come. One whose handler throws is tried again. */
  async work<Data extends object>(
    name: string,
    { concurrency, groupConcurrency }: WorkOptions,
    handler: (data: Data, context: JobContext) => Promise<void>,
  ): Promise<void> {
    if (!this.#queues.has(name)) throw new Error(`The queue ${name} was not defined.`);
    // One worker each, so that each can be woken by itself.
    for (let nth = 0; nth < concurrency; nth++) {
      const worker: { id?: string } = {};
      worker.id = await this.#boss.work<Sent<Data>>(
        name,
        {
          pollingIntervalSeconds: POLL_SECONDS,
          notifyPollingIntervalSeconds: POLL_WHEN_LISTENING_SECONDS,
          ...(groupConcurrency !== undefined && {
            groupConcurrency: groupConcurrency === 'as sent' ? AS_SENT : groupConcurrency,
          }),
        },
        async ([job]) => {
          if (!job) return;
          try {
            await this.#handle(name, job, handler);
          } finally {
            // It looks for the next at once, and so does whoever found the group of this one full.
            this.wake(name);
          }
        },
      );
      this.#workers.set(name, [...(this.#workers.get(name) ?? []), worker.id]);
    }
  }

  /** Lets the job of a singleton key begin at once that waits for its time. */
  async hasten(name: string, singletonKey: string): Promise<void> {
    await this.#boss.update(name, undefined, { singletonKey, startAfter: 0 });
    this.#database.afterCommit(() => this.wake(name));
  }

  /** Lets the idle workers of a queue in this process look for a job at once. */
  wake(name: string): void {
    for (const id of this.#workers.get(name) ?? []) this.#boss.notifyWorker(id);
  }

  #wakeLater(name: string, seconds: number): void {
    setTimeout(() => this.wake(name), Math.ceil(seconds) * 1_000 + WAKE_AFTER_MS).unref();
  }

  /** Takes no more jobs of a queue; those under way go on. */
  async pause(name: string): Promise<void> {
    this.#workers.delete(name);
    await this.#boss.offWork(name, { wait: false });
  }

  /** Takes no more jobs, waits for those under way, and gives back those that take longer than that. */
  async stop(graceMs: number): Promise<void> {
    this.#workers.clear();
    await this.#boss.stop({ graceful: true, timeout: graceMs, close: false });
  }

  async #handle<Data extends object>(
    name: string,
    job: Job<Sent<Data>>,
    handler: (data: Data, context: JobContext) => Promise<void>,
  ): Promise<void> {
    const { id, signal, retryCount } = job;
    const { data, traceparent } = job.data;
    const attempt = retryCount + 1;
    try {
      await operations.job.observe({ queue: name, attempt, traceparent }, () =>
        handler(data, { id, signal, attempt }),
      );
    } catch (error) {
      if (!(error instanceof TryLater)) {
        this.#logger.warn({ err: error, queue: name, job: id, attempt: retryCount + 1 }, 'a job failed');
        throw error;
      }
      // Settled here; that it is settled then is no news to pg-boss.
      await this.#database.transaction(async () => {
        await this.#boss.fail(name, [job], { message: error.message });
        await this.#boss.update(name, undefined, { id, startAfter: Math.ceil(error.seconds) });
      });
      this.#wakeLater(name, error.seconds);
    }
  }

  /** Lets jobs that are under way begin anew. */
  async #restoreAll(name: string): Promise<void> {
    const jobs: JobWithMetadata[] = await this.#boss.findJobs(name);
    const ids = jobs.filter(({ state }) => state === 'active').map(({ id }) => id);
    if (ids.length === 0) return;
    await this.#database.transaction(async () => {
      await this.#boss.cancel(name, ids);
      await this.#boss.resume(name, ids);
    });
  }
}

/** Options of a job in the words of pg-boss. */
function toBossOptions({ group, groupLimit, startAfter, ...rest }: SendOptions) {
  return {
    ...rest,
    ...(startAfter !== undefined && { startAfter }),
    ...(group !== undefined && {
      group: { id: group, ...(groupLimit !== undefined && { tier: String(groupLimit) }) },
    }),
  };
}
