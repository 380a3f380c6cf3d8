import { randomUUID } from 'node:crypto';
import { ServiceError } from '../errors.js';
import type { Logger } from '../observability/index.js';
import type { Database } from './database.js';
import { Moment } from './moment.js';

/** What is worked on: something of an integration. */
export interface LeaseKey {
  integrationId: string;
  /** For example `run:<id>` or `session:<id>`. */
  resource: string;
}

export interface LeaseOptions {
  database: Database;
  logger: Logger;
  /** Seconds after which a holder that was not heard of may be replaced. */
  ttlSeconds: number;
  /** Seconds between two renewals; default a third of `ttlSeconds`. */
  renewSeconds?: number;
}

export interface TakeOptions {
  /** Take it also from somebody who holds it, who then loses it. */
  force?: boolean;
  /** What the holder is told when the lease is lost. */
  lost?: () => ServiceError;
}

/** When it is tried again to end a lease that could not be ended, in milliseconds. */
const LATER_MS = 1_000;
/** SQLSTATE of `hold_lease`. */
const LOST = 'SL001';

/**
 * The leases that this process holds. On the embedded database no other process exists: leases there do not
 * run out, and none is renewed.
 */
export class Leases {
  readonly #options: LeaseOptions;
  readonly #held = new Map<string, Lease>();

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Owner tokens of this process: what they hold is nobody's to take, however long ago it was renewed. */
  get owners(): string[] {
    return [...this.#held.keys()];
  }

  /**
   * Takes a lease that is free or has run out; undefined while somebody holds it. Joins the transaction under
   * way; the lease counts from its commit on.
   */
  async take(
    key: LeaseKey,
    { force = false, lost = takenOver }: TakeOptions = {},
  ): Promise<Lease | undefined> {
    const { database, ttlSeconds } = this.#options;
    const owner = randomUUID();
    const asked = new Moment();
    const written = await database.execute(
      `INSERT INTO leases AS l (integration_id, resource, owner, expires_at)
       VALUES ($1, $2, $3, ${EXPIRY})
       ON CONFLICT (integration_id, resource) DO UPDATE
         SET owner = excluded.owner, expires_at = excluded.expires_at
       WHERE $5 OR (l.expires_at < clock_timestamp() AND l.owner <> ALL($6::uuid[]))`,
      [key.integrationId, key.resource, owner, database.isExclusive ? null : ttlSeconds, force, this.owners],
    );
    if (written === 0) return undefined;
    const ended = () => this.#held.delete(owner);
    const lease = new Lease({ ...this.#options, key, owner, lost, ended, validFrom: asked });
    database.afterCommit(() => {
      this.#held.set(owner, lease);
      lease.keepRenewed();
    });
    return lease;
  }

  /** For a process that knows itself to be the only one: whoever held a lease before it is dead. */
  async clear(): Promise<void> {
    await this.#options.database.execute('DELETE FROM leases');
  }

  /** Gives every lease of this process up at once: what is still at work can write nothing more. */
  async abandon(): Promise<void> {
    await Promise.all([...this.#held.values()].map((lease) => lease.abandon()));
  }
}

/** Seconds from now, as the fourth parameter; null: for ever. */
const EXPIRY = `CASE WHEN $4::float8 IS NULL THEN 'infinity'
  ELSE clock_timestamp() + make_interval(secs => $4::float8) END`;

interface HeldOptions extends LeaseOptions {
  key: LeaseKey;
  owner: string;
  lost: () => ServiceError;
  /** Called when it is over, however it ended. */
  ended: () => void;
  /** When it was asked for. */
  validFrom: Moment;
}

function takenOver(): ServiceError {
  return new ServiceError(
    'aborted',
    'Another process has taken this work over. Its outcome is the one that counts.',
    {
      reason: 'LEASE_LOST',
    },
  );
}

/**
 * The right to work on something, until it is released or another process takes it. It is renewed one renewal
 * at a time, on a connection that no query of the work can keep busy. Losing it aborts `signal`, and no
 * transaction of it commits.
 */
export class Lease {
  readonly #options: HeldOptions;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  /** From when on nobody else can have taken the lease for `ttlSeconds`, by the clocks of this process. */
  #validFrom: Moment;

  constructor(options: HeldOptions) {
    this.#options = options;
    this.#validFrom = options.validFrom;
  }

  /** Begins to renew it, once it is stored. */
  keepRenewed(): void {
    this.#schedule(this.#renewSeconds);
  }

  get key(): LeaseKey {
    return this.#options.key;
  }

  /** Token of this holder. */
  get owner(): string {
    return this.#options.owner;
  }

  /** Aborted as soon as it is known that the lease is another's. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Throws `aborted` when the lease is known to be lost. */
  throwIfLost(): void {
    if (this.#abort.signal.aborted) throw this.#abort.signal.reason;
  }

  /**
   * Throws when another process may have taken the lease, as far as the clock tells; the lease is then given
   * up. For calls outside the database, which no transaction can fence. Asks nobody.
   */
  assertNotExpired(): void {
    const { database, ttlSeconds } = this.#options;
    if (!database.isExclusive && this.#validFrom.msSince() > ttlSeconds * 1_000) this.#lose();
    this.throwIfLost();
  }

  /**
   * Asks the database. Throws `aborted` when the lease is another's; in a transaction, it stays this one's to
   * the end.
   */
  async assertHeld(): Promise<void> {
    this.throwIfLost();
    const { integrationId, resource } = this.key;
    await this.#fenced(() =>
      this.#options.database.execute('CALL hold_lease($1, $2, $3)', [integrationId, resource, this.owner]),
    );
  }

  /** The same as a statement for a text of several, which are then one transaction. */
  get assertion(): string {
    const { integrationId, resource } = this.key;
    return `CALL hold_lease('${integrationId}', '${resource}', '${this.owner}')`;
  }

  /** Does what holds `assertion`: when that fails, this throws `aborted`. */
  async fence<T>(work: () => Promise<T>): Promise<T> {
    this.throwIfLost();
    return this.#fenced(work);
  }

  /**
   * Does `work` in a transaction that commits only while the lease is held, and that may take as long as it
   * needs. The lease's row is locked at the end alone, so that it is renewed meanwhile.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    this.throwIfLost();
    const { database } = this.#options;
    return database.transaction(async () => {
      await database.allowLong({ locks: true });
      const result = await work();
      await this.assertHeld();
      return result;
    });
  }

  /**
   * Waits for `work`, or until the lease is lost: then it throws `aborted` at once, whatever `work` waits
   * for.
   */
  async race<T>(work: Promise<T>): Promise<T> {
    // When the lease is lost, nobody waits for the work any more.
    work.catch(() => {});
    let fail = () => {};
    const lost = new Promise<never>((_, reject) => {
      fail = () => reject(this.signal.reason);
    });
    lost.catch(() => {});
    this.signal.addEventListener('abort', fail);
    if (this.signal.aborted) fail();
    try {
      return await Promise.race([lost, work]);
    } finally {
      this.signal.removeEventListener('abort', fail);
    }
  }

  /** Ends it. Joins the transaction under way, so that what was done and its end are one. */
  async release(): Promise<void> {
    this.#stop();
    await this.#delete();
  }

  /** Ends it outside of a transaction, without failing: what cannot be ended now is ended later, or runs out. */
  async end(): Promise<void> {
    await this.release()
      .catch(() => this.abandon())
      .catch(() => undefined);
  }

  /** Ends it for work that goes on and must write nothing more. */
  async abandon(): Promise<void> {
    this.#lose();
    await this.#delete().catch((error: unknown) => {
      this.#deleteLater();
      throw error;
    });
  }

  /** Where leases do not run out, nobody could take this one as long as it is stored. */
  #deleteLater(): void {
    if (!this.#options.database.isExclusive) return;
    setTimeout(() => this.#delete().catch(() => this.#deleteLater()), LATER_MS).unref();
  }

  async #delete(): Promise<void> {
    const { integrationId, resource } = this.key;
    const values = [integrationId, resource, this.owner];
    await this.#options.database.execute(
      'DELETE FROM leases WHERE integration_id = $1 AND resource = $2 AND owner = $3',
      values,
    );
  }

  #schedule(seconds: number): void {
    if (this.#options.database.isExclusive || this.#isOver) return;
    this.#timer = setTimeout(() => void this.#renew(), seconds * 1_000).unref();
  }

  get #renewSeconds(): number {
    return this.#options.renewSeconds ?? this.#options.ttlSeconds / 3;
  }

  async #renew(): Promise<void> {
    const { database, logger, ttlSeconds } = this.#options;
    const { integrationId, resource } = this.key;
    const asked = new Moment();
    try {
      const renewed = await database.executeApart(
        `UPDATE leases SET expires_at = ${EXPIRY} WHERE integration_id = $1 AND resource = $2 AND owner = $3`,
        [integrationId, resource, this.owner, ttlSeconds],
      );
      if (this.#isOver) return;
      if (renewed === 0) this.#lose();
      else this.#validFrom = asked;
      this.#schedule(this.#renewSeconds);
    } catch (error) {
      logger.warn({ err: error, integrationId, resource }, 'a lease could not be renewed');
      this.#schedule(Math.min(1, this.#renewSeconds));
    }
  }

  async #fenced<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if ((error as { code?: string }).code !== LOST) throw error;
      this.#lose();
      throw this.signal.reason;
    }
  }

  #lose(): void {
    this.#stop();
    if (!this.#abort.signal.aborted) this.#abort.abort(this.#options.lost());
  }

  #stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#options.ended();
  }
}
