import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Lease, Leases } from '../database/index.js';
import { ServiceError } from '../errors.js';

/** How long a caller waits for another who sends the same session, in milliseconds. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 200;
/** How often the clock is looked at while a sheet is being sent, in milliseconds. */
const WATCH_EVERY_MS = 1_000;

export interface SendingLeaseOptions {
  database: Database;
  leases: Leases;
  integrationId: string;
  sessionId: string;
  patienceMs?: number | undefined;
}

/**
 * The right to be the only one, in any process, who sends a session. One lease is one attempt, named by its
 * owner. What is sent to a school cannot be fenced by a transaction: so the lease also ends when the clock
 * says that it may be another's.
 */
export class SendingLease {
  readonly #lease: Lease;

  private constructor(
    lease: Lease,
    readonly integrationId: string,
    readonly sessionId: string,
  ) {
    this.#lease = lease;
  }

  /**
   * Does `work` while the lease is held and renewed. Waits for whoever holds it; for a process that died,
   * until its lease has run out. Throws `aborted` when that takes too long, `not_found` when the integration
   * is gone.
   */
  static async run<T>(options: SendingLeaseOptions, work: (lease: SendingLease) => Promise<T>): Promise<T> {
    const lease = await take(options);
    const watch = setInterval(() => {
      try {
        lease.assertNotExpired();
      } catch {
        // Its signal tells.
      }
    }, WATCH_EVERY_MS);
    try {
      return await work(new SendingLease(lease, options.integrationId, options.sessionId));
    } finally {
      clearInterval(watch);
      await lease.end();
    }
  }

  /** Names this attempt, in the lease and in the deliveries it hands out. */
  get owner(): string {
    return this.#lease.owner;
  }

  /** Aborted when the lease is lost; its reason is a ServiceError. */
  get signal(): AbortSignal {
    return this.#lease.signal;
  }

  /** Throws when the lease is lost. Inside a transaction nobody can take it before the end. */
  assertHeld(): Promise<void> {
    return this.#lease.assertHeld();
  }

  /**
   * Throws when the lease is known to be lost, or may have been taken as far as the clock tells. Asks nobody.
   */
  assertNotExpired(): void {
    this.#lease.assertNotExpired();
  }
}

async function take(options: SendingLeaseOptions): Promise<Lease> {
  const { database, sessionId, patienceMs = PATIENCE_MS } = options;
  const end = performance.now() + patienceMs;
  while (true) {
    const lease = await database.transaction(() => tryTake(options));
    if (lease) return lease;
    if (performance.now() > end) {
      throw new ServiceError(
        'aborted',
        `The attendance of session ${sessionId} is being sent by another call. Try again later.`,
        {
          reason: 'SENDING_IN_PROGRESS',
        },
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
}

async function tryTake({
  database,
  leases,
  integrationId,
  sessionId,
}: SendingLeaseOptions): Promise<Lease | undefined> {
  // The lock keeps the integration from being deleted between the look and the insert.
  const found = await database.query('SELECT id FROM integrations WHERE id = $1 FOR KEY SHARE', [
    integrationId,
  ]);
  if (found.length === 0) {
    throw new ServiceError('not_found', `There is no integration ${integrationId}.`, {
      reason: 'INTEGRATION_NOT_FOUND',
    });
  }
  // A process of a version before has its lease here.
  const older = await database.query(
    'SELECT 1 FROM outbox_sendings WHERE integration_id = $1 AND session_id = $2 AND lease_until > clock_timestamp()',
    [integrationId, sessionId],
  );
  if (older.length > 0) return undefined;
  return leases.take(
    { integrationId, resource: `session:${sessionId}` },
    { lost: () => takenOver(sessionId) },
  );
}

function takenOver(sessionId: string): ServiceError {
  return new ServiceError(
    'aborted',
    `The sending of session ${sessionId} was taken over by another process, or its integration was deleted. What it had not heard of stays QUEUED.`,
    { reason: 'SENDING_TAKEN_OVER' },
  );
}
