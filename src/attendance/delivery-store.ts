import { createHash } from 'node:crypto';
import { recordEvent } from '../audit/index.js';
import type { AttendanceRow, DeliveryOutcome } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { presentable } from '../errors.js';
import { emit } from '../events/index.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import { storableText } from '../values/index.js';
import type { SendingLease } from './sending-lease.js';
import type { Collected, WithheldMark } from './sheet-source.js';

export type DeliveryStatus = 'QUEUED' | 'WITHHELD' | DeliveryOutcome['status'] | 'WITHDRAWN';

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
   * QUEUED: to be sent; with attempts, it may have arrived. WITHHELD: to be sent once its student has an id in the
   * school that is in no doubt. SENT: taken. CONFIRMED: taken, and seen there. FAILED: to be sent again. WITHDRAWN:
   * corrected or removed before it was known to be taken, and not to be sent again.
   */
  status: DeliveryStatus;
  attempts: number;
  /** Why the last attempt failed, why it is withheld, or what is worth a look about a mark that was taken. */
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
  /** Marks that are not to be sent now and that the school does not have as they are. */
  withheld: WithheldMark[];
}

/** So many failures an event names, each with so many characters of its reason. */
const MOST_TOLD = 100;
const LONGEST_REASON = 500;
/** What did not reach a school. */
interface Failure {
  failed: readonly Pick<Delivery, 'studentId' | 'lastReason'>[];
  withheld: readonly WithheldMark[];
  /** Why the last attempt failed, where it was the last. */
  givenUp?: string;
}

/** A mark whose student has an id that is in doubt, and that was not in the outbox as it is. */
type NewlyWithheld = AttendanceRow & { version: number; digest: string; reason: string };

/** Statuses that say: send it again. */
const TO_SEND: readonly DeliveryStatus[] = ['QUEUED', 'WITHHELD', 'FAILED', 'WITHDRAWN'];

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
   * before it is made. What must wait for an id becomes WITHHELD, and what waited and is not to be sent any more
   * WITHDRAWN.
   */
  async handOut(lease: SendingLease, collected: Collected, resend: boolean): Promise<HandedOut> {
    const { session, rows } = collected;
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
      const { held, anew, withheld } = this.#withhold(collected, latest, resend);
      await this.#insert(lease, made);
      await this.#insertWithheld(lease, anew);
      await this.#handOut(lease, again);
      await this.#hold(lease, held);
      await this.#withdrawOthers(lease, [...held, ...anew]);
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
      const pending = new Set([...made, ...again].map(({ studentId }) => studentId));
      return { pending, taken, sentBefore, withheld };
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
   * Judges what this attempt handed out and nothing was said of, and tells of all that came of it, and of what was
   * `withheld`. Returns all that it handed out.
   */
  async finish(
    lease: SendingLease,
    { institutionId, withheld }: { institutionId: string; withheld: readonly WithheldMark[] },
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
      await this.#announce(lease, institutionId, withheld);
      return deliveries;
    });
  }

  /** Tells of what was withheld, and of what came of an attempt whose process died before it could. */
  async announce(
    lease: SendingLease,
    institutionId: string,
    withheld: readonly WithheldMark[],
  ): Promise<void> {
    await this.#asHolder(lease, () => this.#announce(lease, institutionId, withheld));
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

  /**
   * Tells that a session was given up: of the marks that failed, and why the last attempt did. `withheld`: by
   * that one; where it did not come so far, by those before.
   */
  async announceGivenUp(
    { institutionId, ...key }: SessionAddressee,
    reason: string,
    withheld?: readonly WithheldMark[],
  ): Promise<void> {
    const failed = await this.#unannounced(key, `d.status = 'FAILED'`);
    const waiting = withheld ?? (await this.#withheldOf(key));
    await this.#tellFailed({ institutionId, ...key }, { failed, withheld: waiting, givenUp: reason });
  }

  #withheldOf({
    integrationId,
    sessionId,
  }: Omit<SessionAddressee, 'institutionId'>): Promise<WithheldMark[]> {
    return this.database.query<WithheldMark>(
      `SELECT student_id AS "studentId", COALESCE(last_reason, '') AS reason FROM outbox_deliveries
       WHERE integration_id = $1 AND session_id = $2 AND status = 'WITHHELD' ORDER BY student_id`,
      [integrationId, sessionId],
    );
  }

  /** Tells what became of the marks of a session that nobody was told of yet, and what is withheld now. */
  async #announce(
    { integrationId, sessionId }: SendingLease,
    institutionId: string,
    withheld: readonly WithheldMark[],
  ): Promise<void> {
    const ordered = await this.database.query(
      'SELECT 1 FROM send_orders WHERE integration_id = $1 AND session_id = $2',
      [integrationId, sessionId],
    );
    // As long as they are tried again by themselves nothing has failed for good.
    const isTriedAgain = ordered.length > 0;
    const news = await this.#unannounced(
      { integrationId, sessionId },
      `d.status IN ('SENT', 'CONFIRMED'${isTriedAgain ? '' : `, 'FAILED'`})`,
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
    if (failed.length > 0 || (withheld.length > 0 && !isTriedAgain))
      await this.#tellFailed({ institutionId, integrationId, sessionId }, { failed, withheld });
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

  async #tellFailed(
    { institutionId, integrationId, sessionId }: SessionAddressee,
    { failed, withheld, givenUp }: Failure,
  ): Promise<void> {
    const failures = failed.slice(0, MOST_TOLD).map(({ studentId, lastReason }) => ({
      studentId,
      reason: lastReason && presentable(lastReason, LONGEST_REASON),
    }));
    const withheldMarks = withheld.slice(0, MOST_TOLD).map(({ studentId, reason }) => ({
      studentId,
      reason: presentable(reason, LONGEST_REASON),
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
        ...(withheld.length > 0 && { withheld: withheld.length, withheldMarks }),
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
   * What is to be done about marks that cannot be sent: those of the outbox that wait are held there, and those that
   * are not in it as they are come `anew`, where the student has an id at all.
   */
  #withhold(
    { session, withheld: found }: Collected,
    latest: ReadonlyMap<string, LatestDelivery>,
    resend: boolean,
  ): { held: (DeliveryKey & { reason: string })[]; anew: NewlyWithheld[]; withheld: WithheldMark[] } {
    const held: (DeliveryKey & { reason: string })[] = [];
    const anew: NewlyWithheld[] = [];
    const withheld: WithheldMark[] = [];
    for (const { studentId, reason, row } of found) {
      const before = latest.get(studentId);
      const digest = row && digestOf(session, row);
      if (row && digest && before?.digest !== digest)
        anew.push({ ...row, digest, reason, version: (before?.version ?? 0) + 1 });
      else if (before && TO_SEND.includes(before.status)) held.push({ ...before, reason });
      // The school has it, as it is.
      else if (row && !resend) continue;
      withheld.push({ studentId, reason });
    }
    return { held, anew, withheld };
  }

  async #insertWithheld(
    { integrationId, sessionId }: SendingLease,
    rows: readonly NewlyWithheld[],
  ): Promise<void> {
    if (rows.length === 0) return;
    await this.database.execute(
      `INSERT INTO outbox_deliveries (integration_id, session_id, status, student_id, version, external_id, mark,
        digest, last_reason)
       SELECT $1, $2, 'WITHHELD', * FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[],
        $8::text[])`,
      [
        integrationId,
        sessionId,
        rows.map(({ studentId }) => studentId),
        rows.map(({ version }) => version),
        rows.map(({ externalId }) => externalId),
        rows.map(({ status }) => status),
        rows.map(({ digest }) => digest),
        rows.map(({ reason }) => storableText(reason)),
      ],
    );
  }

  async #hold(
    { integrationId, sessionId }: SendingLease,
    deliveries: readonly (DeliveryKey & { reason: string })[],
  ): Promise<void> {
    if (deliveries.length === 0) return;
    await this.database.execute(
      `UPDATE outbox_deliveries d SET status = 'WITHHELD', last_reason = o.reason, updated_at = now()
       FROM unnest($3::uuid[], $4::int[], $5::text[]) AS o (student_id, version, reason)
       WHERE d.integration_id = $1 AND d.session_id = $2 AND d.student_id = o.student_id
         AND d.version = o.version AND (d.status <> 'WITHHELD' OR d.last_reason IS DISTINCT FROM o.reason)`,
      [
        integrationId,
        sessionId,
        deliveries.map(({ studentId }) => studentId),
        deliveries.map(({ version }) => version),
        deliveries.map(({ reason }) => storableText(reason)),
      ],
    );
  }

  /**
   * What waits and is neither handed out nor `held` now: a later version is, or its record is gone.
   */
  async #withdrawOthers(lease: SendingLease, held: readonly DeliveryKey[]): Promise<void> {
    await this.database.execute(
      `UPDATE outbox_deliveries d SET status = 'WITHDRAWN', updated_at = now()
       WHERE d.integration_id = $1 AND d.session_id = $2 AND d.status IN ('QUEUED', 'WITHHELD', 'FAILED')
         AND d.attempt IS DISTINCT FROM $3 AND NOT EXISTS (
           SELECT 1 FROM unnest($4::uuid[], $5::int[]) AS h (student_id, version)
           WHERE h.student_id = d.student_id AND h.version = d.version)`,
      [...attemptOf(lease), held.map(({ studentId }) => studentId), held.map(({ version }) => version)],
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
