import type { AttendanceRow, AttendanceSheet, SheetEntity } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';

/** The integration that a sheet is made for. */
export interface SheetTarget {
  id: string;
  institutionId: string;
  config: Record<string, unknown>;
}

interface SessionRow {
  startsAt: Date;
  endsAt: Date;
  topic: string | null;
  groupId: string;
  groupName: string | null;
  groupExternalId: string | null;
  courseId: string | null;
  courseName: string | null;
  courseExternalId: string | null;
  teacherId: string | null;
  teacherName: string | null;
  teacherExternalId: string | null;
}

type RecordRow = { [Key in keyof AttendanceRow]: AttendanceRow[Key] | null } & { studentId: string };

/** Collects the attendance of class sessions and translates its ids into the school's. */
export class AttendanceService {
  readonly #database: Database;
  readonly #timeZoneOf: (config: Record<string, unknown>) => string;

  constructor({ database, timeZoneOf }: { database: Database; timeZoneOf: (config: Record<string, unknown>) => string }) {
    this.#database = database;
    this.#timeZoneOf = timeZoneOf;
  }

  /**
   * The sheet of a session with the school's ids, and a sentence for each student that has none there. Throws
   * `not_found` for a session the institution does not have, `failed_precondition` when nothing is recorded for it.
   */
  async sheetFor(target: SheetTarget, sessionId: string): Promise<{ sheet: AttendanceSheet; errors: string[] }> {
    const session = await this.#session(target, sessionId);
    const records = await this.#records(target, sessionId);
    if (records.length === 0) {
      throw new ServiceError('failed_precondition', `No attendance is recorded for session ${sessionId} yet.`, {
        reason: 'ATTENDANCE_EMPTY',
      });
    }
    const timeZone = this.#timeZoneOf(target.config);
    const errors = records
      .filter(({ externalId }) => externalId === null)
      .map(({ studentId, givenName, familyName }) => {
        const name = [familyName, givenName].filter(Boolean).join(', ');
        return `student ${name ? `${name} (${studentId})` : studentId} has no mapping in this integration; sync STUDENT first`;
      });
    const sheet: AttendanceSheet = {
      sessionId,
      institutionId: target.institutionId,
      timeZone,
      date: dayIn(session.startsAt, timeZone),
      startsAt: session.startsAt,
      endsAt: session.endsAt,
      topic: session.topic ?? undefined,
      group: entity(session.groupId, session.groupExternalId, session.groupName) as SheetEntity,
      course: entity(session.courseId, session.courseExternalId, session.courseName),
      teacher: entity(session.teacherId, session.teacherExternalId, session.teacherName),
      rows: records.filter(({ externalId }) => externalId !== null).map(toRow),
    };
    return { sheet, errors };
  }

  async #session({ id, institutionId }: SheetTarget, sessionId: string): Promise<SessionRow> {
    const mapping = (alias: string, type: string, internal: string) =>
      `LEFT JOIN integration_mappings ${alias}
         ON ${alias}.integration_id = $3 AND ${alias}.entity_type = '${type}' AND ${alias}.internal_id = ${internal}`;
    const [row] = await this.#database.query<SessionRow>(
      `SELECT s.starts_at AS "startsAt", s.ends_at AS "endsAt", s.topic,
         s.group_id AS "groupId", g.name AS "groupName", gm.external_id AS "groupExternalId",
         c.id AS "courseId", c.name AS "courseName", cm.external_id AS "courseExternalId",
         t.id AS "teacherId", trim(t.given_name || ' ' || t.family_name) AS "teacherName", tm.external_id AS "teacherExternalId"
       FROM class_sessions s
       LEFT JOIN groups g ON g.institution_id = $1 AND g.id = s.group_id
       LEFT JOIN courses c ON c.institution_id = $1 AND c.id = COALESCE(s.course_id, g.course_id)
       LEFT JOIN teachers t ON t.institution_id = $1 AND t.id = s.teacher_id
       ${mapping('gm', 'GROUP', 's.group_id')} ${mapping('cm', 'COURSE', 'c.id')} ${mapping('tm', 'TEACHER', 't.id')}
       WHERE s.institution_id = $1 AND s.id = $2`,
      [institutionId, sessionId, id],
    );
    if (row) return row;
    throw new ServiceError('not_found', `There is no class session ${sessionId}; put it in with PutClassSession.`, {
      reason: 'CLASS_SESSION_NOT_FOUND',
    });
  }

  async #records({ id, institutionId }: SheetTarget, sessionId: string): Promise<RecordRow[]> {
    return this.#database.query<RecordRow>(
      `SELECT a.student_id AS "studentId", m.external_id AS "externalId", s.given_name AS "givenName", s.family_name AS "familyName",
         s.national_id AS "nationalId", s.code, a.status, a.arrival_time AS "arrivalTime",
         a.permanence_percentage AS "permanencePercentage", a.origin, a.source, a.remarks
       FROM attendance_records a
       LEFT JOIN students s ON s.institution_id = $1 AND s.id = a.student_id
       LEFT JOIN integration_mappings m ON m.integration_id = $3 AND m.entity_type = 'STUDENT' AND m.internal_id = a.student_id
       WHERE a.institution_id = $1 AND a.session_id = $2 ORDER BY s.family_name, s.given_name, m.external_id, a.student_id`,
      [institutionId, sessionId, id],
    );
  }
}

function entity(internalId: string | null, externalId: string | null, name: string | null): SheetEntity | undefined {
  return internalId === null ? undefined : { internalId, externalId: externalId ?? undefined, name: name ?? '' };
}

function toRow(row: RecordRow): AttendanceRow {
  const entries = Object.entries(row).map(([key, value]) => [key, value ?? undefined]);
  return { ...(Object.fromEntries(entries) as AttendanceRow), givenName: row.givenName ?? '', familyName: row.familyName ?? '' };
}

/** The day that an instant falls on in a zone, YYYY-MM-DD. */
function dayIn(instant: Date, timeZone: string): string {
  // The Swedish locale writes dates as ISO does.
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(instant);
}
