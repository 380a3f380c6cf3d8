import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttendanceRow, DeliveryOutcome } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import type { Collected } from './sheet-source.js';

export type DeliveryStatus = 'QUEUED' | DeliveryOutcome['status'];

/** One mark on its way to the school system. */
export interface Delivery {
  sessionId: string;
  studentId: string;
  /** 1, and one more for each correction. */
  version: number;
  /** The student's id in the school system. */
  externalId: string;
  mark: AttendanceRow['status'];
  /** QUEUED: not sent, or nobody knows. SENT: taken. CONFIRMED: taken, and seen there. FAILED: to be sent again. */
  status: DeliveryStatus;
  attempts: number;
  /** Why the last attempt failed. */
  lastReason: string | null;
  createdAt: Date;
  updatedAt: Date;
}

/** One sending of one session. */
export interface Sending {
  integrationId: string;
  sessionId: string;
  owner: string;
}

/** How long a process may be silent before another may send in its place. */
const LEASE_SECONDS = 8;
/** How long a caller waits for another who sends the same session. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 200;

/** The rows of the outbox: what is to be sent, what was, and who is at it. */
export class DeliveryStore {
  constructor(private readonly database: Database) {}

  /**
   * Does `work` as the only one who sends this session, in any process. Waits for whoever is at it; of a process that
   * died, until its lease is over. Throws `aborted` when that takes too long.
   */
  async alone<T>(integrationId: string, sessionId: string, work: (sending: Sending) => Promise<T>): Promise<T> {
    const sending = { integrationId, sessionId, owner: randomUUID() };
    const end = performance.now() + PATIENCE_MS;
    while (!(await this.#lease(sending))) {
      if (performance.now() > end) {
        throw new ServiceError('aborted', `The attendance of session ${sessionId} is being sent just now. Try again later.`, {
          reason: 'SENDING_IN_PROGRESS',
        });
      }
      await sleep(LOOK_EVERY_MS);
    }
    const pulse = setInterval(() => void this.#lease(sending).catch(() => {}), (LEASE_SECONDS * 1_000) / 3);
    try {
      return await work(sending);
    } finally {
      clearInterval(pulse);
      await this.database.execute(
        'DELETE FROM outbox_sendings WHERE integration_id = $1 AND session_id = $2 AND owner = $3',
        Object.values(sending),
      );
    }
  }

  /** For a process that knows itself to be the only one: whoever was sending before it is dead. */
  async endAllLeases(): Promise<void> {
    await this.database.execute('DELETE FROM outbox_sendings');
  }

  /**
   * Puts marks into the outbox: new ones as version 1, corrected ones as the next. Returns the students whose mark is to
   * be sent: all but those whose latest version is what was taken; with `resend`, everyone.
   */
  async queue({ integrationId, sessionId }: Sending, { session, rows }: Collected, resend: boolean): Promise<Set<string>> {
    const digests = rows.map((row) => digestOf(session, row));
    const pending = await this.database.query<{ studentId: string }>(
      `WITH given AS (
         SELECT * FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) AS g (student_id, external_id, mark, digest)
       ), latest AS (
         SELECT DISTINCT ON (d.student_id) d.* FROM outbox_deliveries d
         WHERE d.integration_id = $1 AND d.session_id = $2 ORDER BY d.student_id, d.version DESC
       ), made AS (
         INSERT INTO outbox_deliveries (integration_id, session_id, student_id, version, external_id, mark, digest)
         SELECT $1, $2, g.student_id, COALESCE(l.version, 0) + 1, g.external_id, g.mark, g.digest
         FROM given g LEFT JOIN latest l USING (student_id) WHERE l.digest IS DISTINCT FROM g.digest RETURNING student_id
       ), again AS (
         UPDATE outbox_deliveries d SET status = 'QUEUED', updated_at = now() FROM latest l JOIN given g USING (student_id)
         WHERE d.integration_id = $1 AND d.session_id = $2 AND d.student_id = l.student_id AND d.version = l.version
           AND l.digest = g.digest AND (l.status IN ('QUEUED', 'FAILED') OR $7) RETURNING d.student_id
       ) SELECT student_id AS "studentId" FROM made UNION ALL SELECT student_id FROM again`,
      [
        integrationId,
        sessionId,
        rows.map(({ studentId }) => studentId),
        rows.map(({ externalId }) => externalId),
        rows.map(({ status }) => status),
        digests,
        resend,
      ],
    );
    return new Set(pending.map(({ studentId }) => studentId));
  }

  /** Counts an attempt before it is made: whoever finds a QUEUED row with attempts knows that it may have arrived. */
  async attempt(sending: Sending): Promise<void> {
    await this.#updateLatest(sending, `attempts = d.attempts + 1, last_reason = NULL`, `d.status = 'QUEUED'`, []);
  }

  /** Writes down what became of marks. */
  async record(sending: Sending, outcomes: readonly DeliveryOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    await this.#updateLatest(
      sending,
      'status = o.status, last_reason = o.reason',
      'd.student_id = o.student_id',
      [
        outcomes.map(({ studentId }) => studentId),
        outcomes.map(({ status }) => status),
        outcomes.map(({ reason }) => reason ?? null),
      ],
      ', unnest($3::uuid[], $4::text[], $5::text[]) AS o (student_id, status, reason)',
    );
  }

  /** What nothing was said of. */
  async judgeRest(sending: Sending, status: 'SENT' | 'FAILED', reason: string | null): Promise<void> {
    await this.#updateLatest(sending, 'status = $3, last_reason = $4', `d.status = 'QUEUED'`, [status, reason]);
  }

  /** The latest version of each mark of a session. */
  async latest({ integrationId, sessionId }: Sending): Promise<Delivery[]> {
    return this.database.query<Delivery>(
      `SELECT DISTINCT ON (student_id) ${COLUMNS} FROM outbox_deliveries
       WHERE integration_id = $1 AND session_id = $2 ORDER BY student_id, version DESC`,
      [integrationId, sessionId],
    );
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
       WHERE integration_id = $1 AND ($3::uuid IS NULL OR session_id = $3) AND ($4::text IS NULL OR status = $4)
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

  /** Takes the lease, or renews it. False while another has it. */
  async #lease({ integrationId, sessionId, owner }: Sending): Promise<boolean> {
    const written = await this.database.execute(
      `INSERT INTO outbox_sendings AS s (integration_id, session_id, owner, lease_until)
       VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
       ON CONFLICT (integration_id, session_id) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until
       WHERE s.owner = excluded.owner OR s.lease_until < clock_timestamp()`,
      [integrationId, sessionId, owner, LEASE_SECONDS],
    );
    return written === 1;
  }

  async #updateLatest(sending: Sending, set: string, where: string, values: readonly unknown[], from = ''): Promise<void> {
    await this.database.execute(
      `UPDATE outbox_deliveries d SET ${set}, updated_at = now()
       FROM (SELECT student_id, max(version) AS version FROM outbox_deliveries
             WHERE integration_id = $1 AND session_id = $2 GROUP BY student_id) l${from}
       WHERE d.integration_id = $1 AND d.session_id = $2 AND d.student_id = l.student_id AND d.version = l.version AND ${where}`,
      [sending.integrationId, sending.sessionId, ...values],
    );
  }
}

const COLUMNS = `session_id AS "sessionId", student_id AS "studentId", version, external_id AS "externalId", mark, status, attempts,
  last_reason AS "lastReason", created_at AS "createdAt", updated_at AS "updatedAt"`;

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
