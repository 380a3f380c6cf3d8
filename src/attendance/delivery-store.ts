import { createHash } from 'node:crypto';
import { recordEvent } from '../audit/index.js';
import type { AttendanceRow, DeliveryOutcome } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { presentable } from '../errors.js';
import { emit } from '../events/index.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import { storableText } from '../values/index.js';
import type { SendingLease } from './sending-lease.js';
import type { Collected } from './sheet-source.js';

export type DeliveryStatus = 'QUEUED' | DeliveryOutcome['status'] | 'WITHDRAWN';

/** One mark on its way to the school system. */
export interface Delivery {
  sessionId: string;
  studentId: string;
  /** 1, and one more for each correction. */
  version: number;
  /** The student's id in the school system. */
  externalId: string;
  mark: AttendanceRow['status'];
  /**
   * QUEUED: to be sent; with attempts, it may have arrived. SENT: taken. CONFIRMED: taken, and seen there.
   * FAILED: to be sent again. WITHDRAWN: corrected or removed before it was known to be taken, and not to be
   * sent again.
   */
  status: DeliveryStatus;
  attempts: number;
  /** Why the last attempt failed, or what is worth a look about a mark that was taken. */
  lastReason: string | null;
  createdAt: Date;
  updatedAt: Date;
}

/** A row of the outbox, within its session. */
type DeliveryKey = Pick<Delivery, 'studentId' | 'version'>;
type LatestDelivery = DeliveryKey & { digest: string; status: DeliveryStatus };

/** What is handed out, and the latest version of every mark that is not. */
export interface HandedOut {
  /** Students whose mark is to be sent now. */
  pending: Set<string>;
  /** The others, which the school system took before. */
  taken: Map<string, DeliveryKey>;
  /** Marks of each student that the school may have from here, as a row of a sheet has them. */
  sentBefore: Map<string, AttendanceRow['status'][]>;
}

/** So many failures an event names, each with so many characters of its reason. */
const MOST_TOLD = 100;
const LONGEST_REASON = 500;
/** Statuses that say: send it again. */
const TO_SEND: readonly DeliveryStatus[] = ['QUEUED', 'FAILED', 'WITHDRAWN'];

/** A session of an institution, and whom its attendance goes to. */
interface SessionAddressee {
  institutionId: string;
  integrationId: string;
  sessionId: string;
}

/**
 * The rows of the outbox. Everything is written by the holder of the session's lease, in transactions that
 * the lease cannot be taken in, and outcomes go to no row but those that the same attempt handed out.
 */
export class DeliveryStore {
  constructor(private readonly database: Database) {}

  /**
   * Puts marks into the outbox, new ones as version 1 and corrected ones as the next, and hands out those to
   * be sent: all but those whose latest version is what was taken; with `resend`, all. Counts the attempt
   * before it is made. What was waiting and is not to be sent any more becomes WITHDRAWN.
   */
  async handOut(lease: SendingLease, collected: Collected, resend: boolean): Promise<HandedOut> {
    const { session, rows, withheld } = collected;
    return this.#asHolder(lease, async () => {
      const latest = new Map((await this.#latest(lease)).map((delivery) => [delivery.studentId, delivery]));
      const sentBefore = await this.#sentBefore(lease, rows);
      const made: (AttendanceRow & { version: number; digest: string })[] = [];
      const again: DeliveryKey[] = [];
      const taken = new Map<string, DeliveryKey>();
      for (const row of rows) {
        const digest = digestOf(session, row);
        const before = latest.get(row.studentId);
        if (before?.digest !== digest) made.push({ ...row, digest, version: (before?.version ?? 0) + 1 });
        else if (resend || TO_SEND.includes(before.status)) again.push(before);
        else taken.set(row.studentId, before);
      }
      await this.#insert(lease, made);
      await this.#handOut(lease, again);
      await this.#withdrawOthers(lease, withheld);
      if (made.length + again.length > 0) {
        const { integrationId, sessionId } = lease;
        await recordEvent(this.database, {
          institutionId: session.institutionId,
          action: 'attendance.sent',
          objectType: 'CLASS_SESSION',
          objectId: sessionId,
          integrationId,
          after: { marks: made.length + again.length, resend },
        });
      }
      return { pending: new Set([...made, ...again].map(({ studentId }) => studentId)), taken, sentBefore };
    });
  }

  /** Hands out marks that were taken once and are not in the school system any more. */
  async handOutAgain(lease: SendingLease, deliveries: readonly DeliveryKey[]): Promise<void> {
    if (deliveries.length > 0) await this.#asHolder(lease, () => this.#handOut(lease, deliveries));
  }

  /** Writes down what became of marks that this attempt handed out; of any other mark, nothing. */
  async record(lease: SendingLease, outcomes: readonly DeliveryOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    // Of one student, the last word counts.
    const last = [...new Map(outcomes.map((outcome) => [outcome.studentId, outcome])).values()];
    await this.#asHolder(lease, () =>
      this.database.execute(
        `UPDATE outbox_deliveries d SET status = o.status, last_reason = o.reason, updated_at = now()
         FROM unnest($4::uuid[], $5::text[], $6::text[]) AS o (student_id, status, reason)
         WHERE d.integration_id = $1 AND d.session_id = $2 AND d.student_id = o.student_id
           AND d.attempt = $3`,
        [
          ...attemptOf(lease),
          last.map(({ studentId }) => studentId),
          last.map(({ status }) => status),
          last.map(({ reason }) => (reason ? storableText(reason) : null)),
        ],
      ),
    );
  }

  /**
   * Judges what this attempt handed out and nothing was said of, and tells of all that came of it. Returns
   * all that it handed out.
   */
  async finish(
    lease: SendingLease,
    institutionId: string,
    status: 'SENT' | 'FAILED',
    reason: string | null,
  ): Promise<Delivery[]> {
    return this.#asHolder(lease, async () => {
      await this.database.execute(
        `UPDATE outbox_deliveries SET status = $4, last_reason = $5, updated_at = now()
         WHERE integration_id = $1 AND session_id = $2 AND attempt = $3 AND status = 'QUEUED'`,
        [...attemptOf(lease), status, reason && storableText(reason)],
      );
      const deliveries = await this.database.query<Delivery>(
        `SELECT ${COLUMNS} FROM outbox_deliveries
          WHERE integration_id = $1 AND session_id = $2 AND attempt = $3`,
        attemptOf(lease),
      );
      await this.#announce(lease, institutionId);
      return deliveries;
    });
  }

  /** Tells of what came of an attempt whose process died before it could. */
  async announce(lease: SendingLease, institutionId: string): Promise<void> {
    await this.#asHolder(lease, () => this.#announce(lease, institutionId));
  }

  /** A page of deliveries, ordered by session, student and version. */
  async list(
    integrationId: string,
    request: PageRequest & { sessionId?: string | undefined; status?: DeliveryStatus | undefined } = {},
  ): Promise<Page<Delivery>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.uuid, TOKEN.uuid, TOKEN.integer]);
    const rows = await this.database.query<Delivery>(
      `SELECT ${COLUMNS} FROM outbox_deliveries
       WHERE integration_id = $1 AND ($3::uuid IS NULL OR session_id = $3)
         AND ($4::text IS NULL OR status = $4)
         ${key ? 'AND (session_id, student_id, version) > ($5::uuid, $6::uuid, $7::int)' : ''}
       ORDER BY session_id, student_id, version LIMIT $2`,
      [integrationId, size + 1, request.sessionId ?? null, request.status ?? null, ...(key ?? [])],
    );
    return toPage(
      rows,
      size,
      (row) => [row.sessionId, row.studentId, String(row.version)],
      (row) => row,
    );
  }

  async #asHolder<T>(lease: SendingLease, write: () => Promise<T>): Promise<T> {
    return this.database.transaction(async () => {
      await lease.assertHeld();
      return write();
    });
  }

  /** Tells that a session was given up: of the marks that failed, and why the last attempt did. */
  async announceGivenUp({ institutionId, ...key }: SessionAddressee, reason: string): Promise<void> {
    const failed = await this.#unannounced(key, `d.status = 'FAILED'`);
    await this.#tellFailed({ institutionId, ...key }, failed, reason);
  }

  /** Tells what became of the marks of a session that nobody was told of yet. */
  async #announce({ integrationId, sessionId }: SendingLease, institutionId: string): Promise<void> {
    // As long as they are tried again by themselves nothing has failed for good.
    const news = await this.#unannounced(
      { integrationId, sessionId },
      `(d.status IN ('SENT', 'CONFIRMED') OR d.status = 'FAILED' AND NOT EXISTS (
         SELECT 1 FROM send_orders o WHERE o.integration_id = $1 AND o.session_id = $2))`,
    );
    const failed = news.filter(({ status }) => status === 'FAILED');
    const about = { institutionId, integrationId, subject: `class-sessions/${sessionId}` };
    if (news.length > failed.length) {
      const sent = news.length - failed.length;
      const confirmed = news.filter(({ status }) => status === 'CONFIRMED').length;
      await emit(this.database, {
        ...about,
        type: 'attendance.delivered',
        data: { integrationId, sessionId, sent, confirmed },
      });
    }
    if (failed.length > 0) await this.#tellFailed({ institutionId, integrationId, sessionId }, failed);
  }

  #unannounced(
    { integrationId, sessionId }: { integrationId: string; sessionId: string },
    which: string,
  ): Promise<Pick<Delivery, 'studentId' | 'status' | 'lastReason'>[]> {
    return this.database.query(
      `UPDATE outbox_deliveries d SET announced = true
       WHERE d.integration_id = $1 AND d.session_id = $2 AND NOT d.announced AND ${which}
       RETURNING d.student_id AS "studentId", d.status, d.last_reason AS "lastReason"`,
      [integrationId, sessionId],
    );
  }

  /** `givenUp`: why the last attempt failed, where it was the last. */
  async #tellFailed(
    { institutionId, integrationId, sessionId }: SessionAddressee,
    failed: readonly Pick<Delivery, 'studentId' | 'lastReason'>[],
    givenUp?: string,
  ): Promise<void> {
    const failures = failed.slice(0, MOST_TOLD).map(({ studentId, lastReason }) => ({
      studentId,
      reason: lastReason && presentable(lastReason, LONGEST_REASON),
    }));
    await emit(this.database, {
      institutionId,
      integrationId,
      subject: `class-sessions/${sessionId}`,
      type: 'attendance.failed',
      data: {
        integrationId,
        sessionId,
        failed: failed.length,
        failures,
        ...(givenUp !== undefined && { givenUp: presentable(givenUp, LONGEST_REASON) }),
      },
    });
  }

  /** The latest version of each mark of a session. */
  async #latest({ integrationId, sessionId }: SendingLease): Promise<LatestDelivery[]> {
    return this.database.query<LatestDelivery>(
      `SELECT DISTINCT ON (student_id) student_id AS "studentId", version, digest, status
        FROM outbox_deliveries
       WHERE integration_id = $1 AND session_id = $2 ORDER BY student_id, version DESC`,
      [integrationId, sessionId],
    );
  }

  /**
   * The mark of each student that the school took last under the same id, and those sent since of which nobody
   * knows whether they arrived.
   */
  async #sentBefore(
    { integrationId, sessionId }: SendingLease,
    rows: readonly AttendanceRow[],
  ): Promise<HandedOut['sentBefore']> {
    const sent = await this.database.query<Pick<Delivery, 'studentId' | 'mark'>>(
      `SELECT d.student_id AS "studentId", d.mark FROM outbox_deliveries d
       JOIN unnest($3::uuid[], $4::text[]) AS r (student_id, external_id) USING (student_id, external_id)
       WHERE d.integration_id = $1 AND d.session_id = $2 AND d.attempts > 0 AND NOT EXISTS (
         SELECT 1 FROM outbox_deliveries later
         WHERE later.integration_id = $1 AND later.session_id = $2 AND later.student_id = d.student_id
           AND later.version > d.version AND later.status IN ('SENT', 'CONFIRMED'))`,
      [
        integrationId,
        sessionId,
        rows.map(({ studentId }) => studentId),
        rows.map(({ externalId }) => externalId),
      ],
    );
    const marks: HandedOut['sentBefore'] = new Map();
    for (const { studentId, mark } of sent) marks.set(studentId, [...(marks.get(studentId) ?? []), mark]);
    return marks;
  }

  async #insert(
    lease: SendingLease,
    rows: readonly (AttendanceRow & { version: number; digest: string })[],
  ): Promise<void> {
    if (rows.length === 0) return;
    await this.database.execute(
      `INSERT INTO outbox_deliveries (integration_id, session_id, attempt, attempts, student_id, version,
        external_id, mark, digest)
       SELECT $1, $2, $3, 1, * FROM unnest($4::uuid[], $5::int[], $6::text[], $7::text[], $8::text[])`,
      [
        ...attemptOf(lease),
        rows.map(({ studentId }) => studentId),
        rows.map(({ version }) => version),
        rows.map(({ externalId }) => externalId),
        rows.map(({ status }) => status),
        rows.map(({ digest }) => digest),
      ],
    );
  }

  async #handOut(lease: SendingLease, deliveries: readonly DeliveryKey[]): Promise<void> {
    if (deliveries.length === 0) return;
    await this.database.execute(
      `UPDATE outbox_deliveries d
       SET status = 'QUEUED', attempt = $3, attempts = d.attempts + 1, last_reason = NULL, announced = false,
         updated_at = now()
       FROM unnest($4::uuid[], $5::int[]) AS o (student_id, version)
       WHERE d.integration_id = $1 AND d.session_id = $2 AND d.student_id = o.student_id
         AND d.version = o.version`,
      [
        ...attemptOf(lease),
        deliveries.map(({ studentId }) => studentId),
        deliveries.map(({ version }) => version),
      ],
    );
  }

  /**
   * What waits and was not handed out now: a later version was, or its record is gone. Without an id, or
   * with one in doubt, it goes on waiting.
   */
  async #withdrawOthers(lease: SendingLease, withheld: readonly string[]): Promise<void> {
    await this.database.execute(
      `UPDATE outbox_deliveries SET status = 'WITHDRAWN', updated_at = now()
       WHERE integration_id = $1 AND session_id = $2 AND status IN ('QUEUED', 'FAILED')
         AND attempt IS DISTINCT FROM $3 AND NOT student_id = ANY($4::uuid[])`,
      [...attemptOf(lease), withheld],
    );
  }
}

const COLUMNS = `session_id AS "sessionId", student_id AS "studentId", version, external_id AS "externalId", mark, status, attempts,
  last_reason AS "lastReason", created_at AS "createdAt", updated_at AS "updatedAt"`;

function attemptOf({ integrationId, sessionId, owner }: SendingLease): unknown[] {
  return [integrationId, sessionId, owner];
}

/** Of all that the school is told of one student: a correction of any of it is a new version. */
function digestOf(session: Collected['session'], row: AttendanceRow): string {
  const { startsAt, endsAt, topic, group, course, teacher } = session;
  const { externalId, status, arrivalTime, permanencePercentage, origin, source, remarks } = row;
  const told = [
    [startsAt, endsAt, topic, group?.externalId, course?.externalId, teacher?.externalId],
    [externalId, status, arrivalTime, permanencePercentage, origin, source, remarks],
  ];
  return createHash('sha256').update(JSON.stringify(told)).digest('base64');
}
