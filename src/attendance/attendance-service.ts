import type { AttendanceSheet, DeliveryOutcome, SendResult } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { Page, PageRequest } from '../paging.js';
import { type Delivery, type DeliveryStatus, DeliveryStore, type Sending } from './delivery-store.js';
import { type Collected, collect, nameOf, type SendTarget } from './sheet-source.js';

/** Hands a sheet to the school system; `delivered` is told what became of marks while they are being sent. */
export type Courier = (
  sheet: AttendanceSheet,
  delivered: (outcomes: readonly DeliveryOutcome[]) => Promise<void>,
) => Promise<SendResult>;

/** What came of sending a session. */
export interface SendReport extends SendResult {
  /** Of those sent now, how many were seen in the school system afterwards. */
  confirmed: number;
  /** Marks that the school system had already, as they are. */
  unchanged: number;
}

/** What a connector says of all marks together, when it does not say it of each. */
interface Verdict {
  sent?: number;
  errors: string[];
}

/** Sends the attendance of class sessions by way of an outbox: nothing is forgotten, and nothing sent twice without need. */
export class AttendanceService {
  readonly deliveries: DeliveryStore;
  readonly #database: Database;
  readonly #timeZoneOf: (config: Record<string, unknown>) => string;

  constructor({ database, timeZoneOf }: { database: Database; timeZoneOf: (config: Record<string, unknown>) => string }) {
    this.#database = database;
    this.#timeZoneOf = timeZoneOf;
    this.deliveries = new DeliveryStore(database);
  }

  /**
   * Sends what the school does not have yet of a session: new marks, corrected ones, and those that failed or whose fate
   * is unknown. With `resend`, everything. Throws `not_found` for a session that does not exist, `failed_precondition`
   * when nothing is recorded for it.
   */
  async send(target: SendTarget, sessionId: string, courier: Courier, resend = false): Promise<SendReport> {
    return this.deliveries.alone(target.id, sessionId, async (sending) => {
      const collected = await collect(this.#database, target, sessionId, this.#timeZoneOf(target.config));
      const pending = await this.deliveries.queue(sending, collected, resend);
      const rows = collected.rows.filter(({ studentId }) => pending.has(studentId));
      const sheet = { ...collected.session, rows, all: collected.rows };
      const verdict = rows.length > 0 ? await this.#deliver(sending, sheet, courier) : undefined;
      return this.#report(sending, collected, pending, verdict);
    });
  }

  /** A page of the outbox of an integration. */
  async listDeliveries(
    integrationId: string,
    request: PageRequest & { sessionId?: string | undefined; status?: DeliveryStatus | undefined } = {},
  ): Promise<Page<Delivery>> {
    return this.deliveries.list(integrationId, request);
  }

  /** Returns a verdict where there is one on all marks together. What is not the school's fault is thrown. */
  async #deliver(sending: Sending, sheet: AttendanceSheet, courier: Courier): Promise<Verdict | undefined> {
    const { deliveries } = this;
    await deliveries.attempt(sending);
    let fault: unknown;
    let oneByOne = false;
    const delivered = async (outcomes: readonly DeliveryOutcome[]) => {
      oneByOne = true;
      await deliveries.record(sending, outcomes).catch((error: unknown) => {
        fault = error;
        throw error;
      });
    };
    try {
      const result = await courier(sheet, delivered);
      const reason = result.errors.join('; ') || 'The school system did not take it.';
      await deliveries.judgeRest(sending, result.success ? 'SENT' : 'FAILED', result.success ? null : reason);
      return oneByOne ? undefined : { sent: result.sent, errors: result.errors };
    } catch (error) {
      // Ours passes as it is, whatever the connector made of it; all else is the connector's.
      if (fault !== undefined || error instanceof ServiceError) throw fault ?? error;
      const reason = error instanceof Error ? error.message : String(error);
      await deliveries.judgeRest(sending, 'FAILED', reason);
      return { errors: [reason] };
    }
  }

  async #report(
    sending: Sending,
    { rows, errors }: Collected,
    pending: ReadonlySet<string>,
    verdict: Verdict | undefined,
  ): Promise<SendReport> {
    const byStudent = new Map((await this.deliveries.latest(sending)).map((delivery) => [delivery.studentId, delivery]));
    const now = rows.filter(({ studentId }) => pending.has(studentId));
    const isIn = (status: DeliveryStatus) => (row: { studentId: string }) => byStudent.get(row.studentId)?.status === status;
    const failed = now.filter(isIn('FAILED'));
    const sentences = failed.map((row) => `${nameOf(row)}: ${byStudent.get(row.studentId)?.lastReason ?? 'not sent'}`);
    return {
      success: failed.length === 0 && errors.length === 0,
      sent: verdict?.sent ?? now.length - failed.length,
      confirmed: now.filter(isIn('CONFIRMED')).length,
      unchanged: rows.length - now.length,
      // What was said of all of them is said once.
      errors: [...errors, ...(verdict?.errors ?? sentences)],
    };
  }
}
