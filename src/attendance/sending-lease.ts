import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';

/** How leases are timed; the defaults are for everything but tests. */
export interface LeaseTiming {
  /** How long a process may be silent before another may send in its place. */
  leaseMs: number;
  renewEveryMs: number;
  /** How long a caller waits for another who sends the same session. */
  patienceMs: number;
}

const TIMING: LeaseTiming = { leaseMs: 8_000, renewEveryMs: 2_500, patienceMs: 60_000 };
const LOOK_EVERY_MS = 200;

export interface SendingLeaseOptions {
  database: Database;
  integrationId: string;
  sessionId: string;
  /** The leases of this process: none of them is taken over from inside it, however late its renewal is. */
  heldHere: Set<string>;
  /** No other process uses the database, so that a late renewal does not end the sending. */
  soleProcess?: boolean | undefined;
  timing?: Partial<LeaseTiming> | undefined;
}

/** The right to be the only one, in any process, who sends a session. One lease is one attempt. */
export class SendingLease {
  /** Names this attempt, in the lease and in the deliveries it hands out. */
  readonly owner = randomUUID();
  readonly #abort = new AbortController();
  readonly #timing: LeaseTiming;
  readonly #values: readonly unknown[];
  /** Until when nobody else can have taken the lease, by the clock of this process. */
  #validUntil = 0;

  constructor(private readonly options: SendingLeaseOptions) {
    this.#timing = { ...TIMING, ...options.timing };
    this.#values = [options.integrationId, options.sessionId, this.owner];
  }

  get integrationId(): string {
    return this.options.integrationId;
  }

  get sessionId(): string {
    return this.options.sessionId;
  }

  /** Aborted when the lease is lost; its reason is a ServiceError. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Does `work` while the lease is held and renewed. Waits for whoever holds it; for a process that died, until its lease
   * has run out. Throws `aborted` when that takes too long, `not_found` when the integration is gone.
   */
  async run<T>(work: (lease: SendingLease) => Promise<T>): Promise<T> {
    await this.#take();
    const ended = new AbortController();
    const watch = this.#watchClock();
    void this.#keepRenewed(ended.signal);
    try {
      return await work(this);
    } finally {
      ended.abort();
      clearInterval(watch);
      // What cannot be released runs out.
      await this.#release().catch(() => {});
      this.options.heldHere.delete(this.#key);
    }
  }

  /**
   * Throws when the lease is lost. Inside a transaction nobody can take the lease before its end, so that what is written
   * in it is written by the holder.
   */
  async assertHeld(): Promise<void> {
    this.signal.throwIfAborted();
    const rows = await this.options.database.query(
      `SELECT owner FROM outbox_sendings WHERE integration_id = $1 AND session_id = $2 AND owner = $3 FOR SHARE`,
      this.#values,
    );
    if (rows.length === 0) this.#lose();
    this.signal.throwIfAborted();
  }

  /** Throws when the lease is known to be lost, or may have been taken as far as the clock tells. Asks nobody. */
  assertNotExpired(): void {
    if (!this.options.soleProcess && Date.now() > this.#validUntil) this.#lose();
    this.signal.throwIfAborted();
  }

  get #key(): string {
    return `${this.integrationId} ${this.sessionId}`;
  }

  async #take(): Promise<void> {
    const end = performance.now() + this.#timing.patienceMs;
    while (!(await this.#tryTake())) {
      if (performance.now() > end) {
        throw new ServiceError(
          'aborted',
          `The attendance of session ${this.sessionId} is being sent by another call. Try again later.`,
          { reason: 'SENDING_IN_PROGRESS' },
        );
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  async #tryTake(): Promise<boolean> {
    const { heldHere, database } = this.options;
    if (heldHere.has(this.#key)) return false;
    heldHere.add(this.#key);
    let taken = false;
    try {
      const asked = Date.now();
      taken = await database.transaction(() => this.#insert());
      this.#validUntil = asked + this.#timing.leaseMs;
      return taken;
    } finally {
      if (!taken) heldHere.delete(this.#key);
    }
  }

  async #insert(): Promise<boolean> {
    const { database, integrationId } = this.options;
    // The lock keeps the integration from being deleted between the look and the insert.
    const found = await database.query('SELECT id FROM integrations WHERE id = $1 FOR KEY SHARE', [integrationId]);
    if (found.length === 0) {
      throw new ServiceError('not_found', `There is no integration ${integrationId}.`, { reason: 'INTEGRATION_NOT_FOUND' });
    }
    const written = await database.execute(
      `INSERT INTO outbox_sendings AS s (integration_id, session_id, owner, lease_until)
       VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
       ON CONFLICT (integration_id, session_id) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until
       WHERE s.lease_until < clock_timestamp()`,
      [...this.#values, this.#timing.leaseMs / 1_000],
    );
    return written === 1;
  }

  /** One renewal after the other, never two at once. */
  async #keepRenewed(ended: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([ended, this.signal]);
    while (await pause(this.#timing.renewEveryMs, stop)) {
      const asked = Date.now();
      // A database that does not answer is asked again; meanwhile the clock decides.
      const renewed = await this.#renew().catch(() => undefined);
      if (stop.aborted) return;
      if (renewed === false) this.#lose();
      if (renewed) this.#validUntil = asked + this.#timing.leaseMs;
    }
  }

  async #renew(): Promise<boolean> {
    const written = await this.options.database.execute(
      `UPDATE outbox_sendings SET lease_until = clock_timestamp() + make_interval(secs => $4)
       WHERE integration_id = $1 AND session_id = $2 AND owner = $3`,
      [...this.#values, this.#timing.leaseMs / 1_000],
    );
    return written === 1;
  }

  async #release(): Promise<void> {
    await this.options.database.execute(
      'DELETE FROM outbox_sendings WHERE integration_id = $1 AND session_id = $2 AND owner = $3',
      this.#values,
    );
  }

  /** Ends the work of a lease whose renewal hangs. Looks at the clock and at nothing else. */
  #watchClock(): NodeJS.Timeout {
    return setInterval(() => {
      if (!this.options.soleProcess && Date.now() > this.#validUntil) this.#lose();
    }, this.#timing.renewEveryMs);
  }

  #lose(): void {
    if (this.signal.aborted) return;
    this.#abort.abort(
      new ServiceError(
        'aborted',
        `The sending of session ${this.sessionId} was taken over by another process, or its integration was deleted. What it had not heard of stays QUEUED.`,
        { reason: 'SENDING_TAKEN_OVER' },
      ),
    );
  }
}

/** False when it was cut short. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}
