import {
  type AttendanceSheet,
  type ConnectorContext,
  retryAfterOf,
  type SendResult,
} from '../connectors/index.js';
import type { Database, Leases } from '../database/index.js';
import { ServiceError, throwOwnFault } from '../errors.js';
import { operations, type SendingFacts } from '../observability/index.js';
import type { Page, PageRequest } from '../paging.js';
import { type Delivery, type DeliveryStatus, DeliveryStore, type HandedOut } from './delivery-store.js';
import { SendingLease } from './sending-lease.js';
import { type Collected, collect, nameOf, type SendTarget, type WithheldMark } from './sheet-source.js';

/** What a connector is given while it sends: how it says what became of marks, and when it has to stop. */
export type SendCallbacks = Pick<ConnectorContext, 'signal' | 'delivered' | 'handOutAgain' | 'assertMaySend'>;

/** Sends a sheet to the school system. */
export type SendSheet = (sheet: AttendanceSheet, callbacks: SendCallbacks) => Promise<SendResult>;

/** What came of sending a session. */
export interface SendReport extends SendResult {
  /** Of those sent now, how many were seen in the school system afterwards. */
  confirmed: number;
  /** Marks that the school system took before, as they are. */
  unchanged: number;
  /**
   * Marks that were not sent, as their student has no id in the school's system, or one in doubt; `errors` has
   * their reasons too. Absent where there are none.
   */
  withheld?: WithheldMark[];
  /** How long the school system asked to be left alone; undefined where it did not say. */
  retryAfterSeconds?: number;
}

export interface AttendanceServiceOptions {
  database: Database;
  leases: Leases;
  timeZoneOf: (config: Record<string, unknown>) => string;
  /** How long a caller waits for another who sends the same session, in milliseconds; default a minute. */
  patienceMs?: number;
}

/** What came of one attempt. */
interface Verdict {
  deliveries: Delivery[];
  /** What the connector says of all marks together, when it does not say it of each. */
  ofAll?: Pick<SendResult, 'sent' | 'errors'> | undefined;
  /** What the connector says besides, although it went well. */
  warnings?: readonly string[] | undefined;
  /** Why the sending ended early. */
  failure?: string;
  retryAfterSeconds?: number | undefined;
}

/**
 * Sends the attendance of class sessions by way of an outbox: nothing is forgotten, and nothing sent twice
 * without need.
 */
export class AttendanceService {
  readonly deliveries: DeliveryStore;
  readonly #options: AttendanceServiceOptions;

  constructor(options: AttendanceServiceOptions) {
    this.#options = options;
    this.deliveries = new DeliveryStore(options.database);
  }

  /**
   * Sends what the school does not have yet of a session: new marks, corrected ones, and those that failed or
   * whose fate is unknown. With `resend`, everything. Throws `not_found` for a session that does not exist,
   * `failed_precondition` when nothing is recorded for it, `aborted` when another process sends it or has
   * taken over.
   */
  async send(
    target: SendTarget,
    sessionId: string,
    sendSheet: SendSheet,
    resend = false,
  ): Promise<SendReport> {
    const { database, leases, timeZoneOf, patienceMs } = this.#options;
    return SendingLease.run(
      { database, leases, integrationId: target.id, sessionId, patienceMs },
      async (lease) => {
        const collected = await collect(database, target, sessionId, timeZoneOf(target.config));
        const handedOut = await this.deliveries.handOut(lease, collected, resend);
        const all = collected.rows.map((row) => ({
          ...row,
          sentBefore: handedOut.sentBefore.get(row.studentId) ?? [],
        }));
        const rows = all.filter(({ studentId }) => handedOut.pending.has(studentId));
        if (rows.length === 0) {
          await this.deliveries.announce(lease, target.institutionId, handedOut.withheld);
          return toReport(collected, handedOut, { deliveries: [] });
        }
        const sheet = { ...collected.session, rows, all };
        const told = { integrationId: target.id, provider: target.provider, sessionId };
        const verdict = await this.#tell(told, () => this.#attempt(lease, sheet, handedOut, sendSheet));
        return toReport(collected, handedOut, verdict);
      },
    );
  }

  /** A page of the outbox of an integration. */
  async listDeliveries(
    integrationId: string,
    request: PageRequest & { sessionId?: string | undefined; status?: DeliveryStatus | undefined } = {},
  ): Promise<Page<Delivery>> {
    return this.deliveries.list(integrationId, request);
  }

  /** Does an attempt, and tells of it. */
  async #tell(told: SendingFacts, work: () => Promise<Verdict>): Promise<Verdict> {
    return operations.sending.observe(told, async () => {
      const verdict = await work();
      told.deliveries = countByStatus(verdict.deliveries);
      return verdict;
    });
  }

  /**
   * A failure of the school system is a verdict; every other is thrown, and leaves what was not judged
   * QUEUED.
   */
  async #attempt(
    lease: SendingLease,
    sheet: AttendanceSheet,
    handedOut: HandedOut,
    sendSheet: SendSheet,
  ): Promise<Verdict> {
    const { deliveries } = this;
    const told = { institutionId: sheet.institutionId, withheld: handedOut.withheld };
    let oneByOne = false;
    const { callbacks, faults } = this.#callbacks(lease, handedOut, () => {
      oneByOne = true;
    });
    let result: SendResult;
    try {
      result = await sendSheet(sheet, callbacks);
    } catch (error) {
      lease.signal.throwIfAborted();
      // A fault of ours passes as it is, whatever the connector made of it.
      throwOwnFault(error);
      if (faults.length > 0 || error instanceof ServiceError) throw faults[0] ?? error;
      const reason = error instanceof Error ? error.message : String(error);
      const judged = await deliveries.finish(lease, told, 'FAILED', reason);
      return { deliveries: judged, failure: reason, retryAfterSeconds: retryAfterOf(error) };
    }
    // Where a connector went on although its word could not be written down.
    if (faults.length > 0) throw faults[0];
    const { success, sent, errors, warnings } = result;
    const reason = success ? null : errors.join('; ') || 'The school system did not take it.';
    const judged = await deliveries.finish(lease, told, success ? 'SENT' : 'FAILED', reason);
    return { deliveries: judged, ofAll: oneByOne ? undefined : { sent, errors }, warnings };
  }

  #callbacks(lease: SendingLease, { taken }: HandedOut, onOutcomes: () => void) {
    const faults: unknown[] = [];
    const keepFault = (error: unknown) => {
      faults.push(error);
      throw error;
    };
    const callbacks: SendCallbacks = {
      signal: lease.signal,
      assertMaySend: () => lease.assertNotExpired(),
      delivered: async (outcomes) => {
        onOutcomes();
        await this.deliveries.record(lease, outcomes).catch(keepFault);
      },
      handOutAgain: async (studentIds) => {
        const lost = studentIds.flatMap((studentId) => taken.get(studentId) ?? []);
        await this.deliveries.handOutAgain(lease, lost).catch(keepFault);
      },
    };
    return { callbacks, faults };
  }
}

function countByStatus(deliveries: readonly Delivery[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of deliveries) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

function toReport(
  { rows, withheld: found }: Collected,
  { withheld }: HandedOut,
  { deliveries, ofAll, failure, retryAfterSeconds, warnings = [] }: Verdict,
): SendReport {
  const byStudent = new Map(deliveries.map((delivery) => [delivery.studentId, delivery]));
  const count = (status: DeliveryStatus) =>
    deliveries.filter((delivery) => delivery.status === status).length;
  const failed = rows.filter(({ studentId }) => byStudent.get(studentId)?.status === 'FAILED');
  const reasonOf = ({ studentId }: { studentId: string }) =>
    byStudent.get(studentId)?.lastReason ?? 'not sent';
  const noted = rows.flatMap((row) => {
    const { status, lastReason } = byStudent.get(row.studentId) ?? {};
    return lastReason && status !== 'FAILED' ? [`${nameOf(row)}: ${lastReason}`] : [];
  });
  const allWarnings = [...warnings, ...noted];
  const sentences = failed
    .filter((row) => reasonOf(row) !== failure)
    .map((row) => `${nameOf(row)}: ${reasonOf(row)}`);
  return {
    success: failed.length === 0 && withheld.length === 0 && failure === undefined,
    sent: ofAll?.sent ?? deliveries.length - failed.length,
    confirmed: count('CONFIRMED'),
    // Of those that cannot be sent, the school may have some as they are.
    unchanged: rows.length - deliveries.length + found.length - withheld.length,
    ...(withheld.length > 0 && { withheld }),
    // What was said of all of them is said once.
    errors: [
      ...withheld.map(({ reason }) => reason),
      ...(failure === undefined ? [] : [failure]),
      ...(ofAll?.errors ?? sentences),
    ],
    ...(allWarnings.length > 0 && { warnings: allWarnings }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
}
