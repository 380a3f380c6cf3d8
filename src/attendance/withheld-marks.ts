import type { Database } from '../database/index.js';
import { isDoubtOf } from './doubted-ids.js';
import type { Addressee, SessionsToSend } from './send-orders.js';

export interface WithheldMarksParts {
  database: Database;
  /** Whether an integration takes attendance, with its settings. */
  takesAttendance: (integration: Addressee) => boolean;
  /** Orders, in the transaction under way, that sessions are sent to one integration. Returns those that are. */
  order: (integrationId: string, sessions: SessionsToSend) => Promise<string[]>;
}

interface Holder extends Addressee {
  institutionId: string;
}

/** A mark, by the key in whose order they are looked at. */
interface Place {
  studentId: string;
  /** null: the last there is. */
  sessionId: string | null;
}

interface Mark extends Place {
  sessionId: string;
  isClosed: boolean;
}

/** Of so many students of an integration it is looked at once whether their marks still have to wait. */
const STUDENTS_AT_ONCE = 500;
/** So many marks of those who need not wait are looked at by one transaction, */
const MARKS_AT_ONCE = 500;
/** and in so many transactions, before others have their turn. */
const MOST_TRANSACTIONS = 20;

/**
 * Lets marks go that were withheld, once their student has an id in the school that is in no doubt. It looks at what
 * is the case, not at what was done: so it does not matter who closed a conflict, how, how late, or whether that
 * process lived on.
 */
export class WithheldMarks {
  readonly #parts: WithheldMarksParts;
  /** Of integrations of which not all marks were looked at yet: the last one that was. */
  readonly #lookedAt = new Map<string, Place>();

  constructor(parts: WithheldMarksParts) {
    this.#parts = parts;
  }

  /**
   * Looks at some marks of each integration, others each time, and has the closed sessions sent again in which a
   * mark need not wait any more. `isEnding`: whether to stop halfway, which leaves the rest as it was.
   */
  async release(isEnding: () => boolean = () => false): Promise<void> {
    for (const holder of await this.#holders()) {
      if (isEnding()) return;
      if (this.#parts.takesAttendance(holder)) await this.#releaseOf(holder, isEnding);
    }
  }

  /** Integrations in use that marks are withheld from; in any order, so that trouble with one keeps no other waiting for ever. */
  #holders(): Promise<Holder[]> {
    return this.#parts.database.query<Holder>(
      `SELECT i.id, i.institution_id AS "institutionId", i.provider, i.config
       FROM integrations i
       JOIN LATERAL (SELECT 1 FROM outbox_deliveries d
         WHERE d.integration_id = i.id AND d.status = 'WITHHELD' LIMIT 1) held ON true
       WHERE i.status <> 'INACTIVE' ORDER BY random()`,
    );
  }

  async #releaseOf(holder: Holder, isEnding: () => boolean): Promise<void> {
    const { database } = this.#parts;
    let behind = this.#lookedAt.get(holder.id);
    const students = await this.#nextStudents(holder.id, behind);
    const free = students.filter(({ isFree }) => isFree).map(({ id }) => id);
    const end = students.at(-1);
    for (let nth = 0; nth < MOST_TRANSACTIONS && !isEnding(); nth++) {
      const from = behind;
      const place = await database.transaction(() => this.#releaseSome(holder, free, from));
      if (!place) {
        if (end && students.length === STUDENTS_AT_ONCE)
          this.#lookedAt.set(holder.id, { studentId: end.id, sessionId: null });
        else this.#lookedAt.delete(holder.id);
        return;
      }
      behind = place;
      this.#lookedAt.set(holder.id, place);
    }
  }

  /** The next students with marks behind a place, in the order of their ids, and whether these need not wait. */
  #nextStudents(
    integrationId: string,
    behind: Place | undefined,
  ): Promise<{ id: string; isFree: boolean }[]> {
    const waiting = `SELECT d.student_id FROM outbox_deliveries d
      WHERE d.integration_id = $1 AND d.status = 'WITHHELD'`;
    // Of whom not all marks were looked at, is one of them.
    const first = `($2::uuid IS NULL OR d.student_id ${behind?.sessionId ? '>=' : '>'} $2)`;
    // From one student to the next by the index, however many marks each has.
    return this.#parts.database.query(
      `WITH RECURSIVE waiting (id) AS (
         (${waiting} AND ${first} ORDER BY d.student_id LIMIT 1)
         UNION ALL
         SELECT (${waiting} AND d.student_id > w.id ORDER BY d.student_id LIMIT 1)
         FROM waiting w WHERE w.id IS NOT NULL
       ), few AS MATERIALIZED (SELECT id FROM waiting WHERE id IS NOT NULL LIMIT ${STUDENTS_AT_ONCE})
       SELECT few.id, m.internal_id IS NOT NULL AND c.asked IS NULL AS "isFree"
       FROM few
       LEFT JOIN LATERAL (SELECT m.internal_id, m.external_id FROM integration_mappings m
         WHERE m.integration_id = $1 AND m.entity_type = 'STUDENT' AND m.internal_id = few.id OFFSET 0) m ON true
       LEFT JOIN LATERAL (SELECT true AS asked FROM sync_conflicts c
         WHERE ${isDoubtOf('c', 'm', '$1')} OFFSET 0) c ON true
       ORDER BY few.id`,
      [integrationId, behind?.studentId ?? null],
    );
  }

  /**
   * Releases marks of these students behind a place, those of closed sessions. Returns the last that it looked at;
   * undefined where it came to the end.
   */
  async #releaseSome(
    { id: integrationId, institutionId }: Holder,
    free: readonly string[],
    behind: Place | undefined,
  ): Promise<Place | undefined> {
    const { order } = this.#parts;
    const marks = await this.#nextMarks({ integrationId, institutionId }, free, behind);
    const closed = marks.filter(({ isClosed }) => isClosed);
    if (closed.length > 0) {
      // Orders before deliveries, as all lock them.
      const sessionIds = [...new Set(closed.map(({ sessionId }) => sessionId))];
      const ordered = new Set(await order(integrationId, { institutionId, sessionIds }));
      const released = closed.filter(({ sessionId }) => ordered.has(sessionId));
      for (const studentId of new Set(released.map((mark) => mark.studentId))) {
        const own = released.filter((mark) => mark.studentId === studentId);
        await this.#queue(
          integrationId,
          studentId,
          own.map(({ sessionId }) => sessionId),
        );
      }
    }
    return marks.length < MARKS_AT_ONCE ? undefined : marks.at(-1);
  }

  /** The next marks of these students behind a place, in the order of their places. */
  async #nextMarks(
    { integrationId, institutionId }: { integrationId: string; institutionId: string },
    free: readonly string[],
    behind: Place | undefined,
  ): Promise<Mark[]> {
    const marks: Mark[] = [];
    for (const studentId of free) {
      const left = MARKS_AT_ONCE - marks.length;
      if (left === 0) break;
      if (behind && studentId < behind.studentId) continue;
      const from = studentId === behind?.studentId ? behind.sessionId : null;
      const found = await this.#parts.database.query<Omit<Mark, 'studentId'>>(
        `SELECT d.session_id AS "sessionId", s.closed_at IS NOT NULL AS "isClosed"
         FROM (SELECT session_id FROM outbox_deliveries
           WHERE integration_id = $1 AND student_id = $3 AND status = 'WITHHELD'
             AND ($4::uuid IS NULL OR session_id > $4) ORDER BY session_id LIMIT $5) d
         LEFT JOIN LATERAL (SELECT closed_at FROM class_sessions
           WHERE institution_id = $2 AND id = d.session_id OFFSET 0) s ON true
         ORDER BY d.session_id`,
        [integrationId, institutionId, studentId, from, left],
      );
      marks.push(...found.map((one) => ({ ...one, studentId })));
    }
    return marks;
  }

  /** Student by student, which is by key however few marks the database takes to be withheld. */
  async #queue(integrationId: string, studentId: string, sessionIds: readonly string[]): Promise<void> {
    await this.#parts.database.execute(
      `UPDATE outbox_deliveries SET status = 'QUEUED', last_reason = NULL, updated_at = now()
       WHERE integration_id = $1 AND student_id = $2 AND session_id = ANY($3::uuid[]) AND status = 'WITHHELD'`,
      [integrationId, studentId, sessionIds],
    );
  }
}
