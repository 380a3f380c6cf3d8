import type { AttendanceRow, AttendanceSheet, SheetEntity } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { quoted } from '../values/index.js';
import { isDoubtOf } from './doubted-ids.js';

/** The integration that attendance is sent through. */
export interface SendTarget {
  id: string;
  institutionId: string;
  provider: string;
  config: Record<string, unknown>;
}

/** A session with all its marks, ids translated into the school's. */
export interface Collected {
  session: Omit<AttendanceSheet, 'rows' | 'all'>;
  rows: AttendanceRow[];
  /** Marks that cannot be sent: of students without an id in the school's system, or with one in doubt. */
  withheld: (WithheldMark & {
    /** As it would be sent under the id in doubt; undefined without an id. */
    row?: AttendanceRow;
  })[];
}

/** That the mark of a student is not sent now. */
export interface WithheldMark {
  studentId: string;
  /** Why, and what to do about it, in a sentence. */
  reason: string;
}

interface SessionRow {
  startsAt: Date;
  endsAt: Date;
  topic: string | null;
  groupId: string | null;
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
/** `isDoubted`: a person is to decide whether the id is still that of the student. */
type FoundRow = RecordRow & { isDoubted: boolean };

/**
 * Collects a session's attendance and translates its ids. Throws `not_found` for a session the institution
 * does not have, `failed_precondition` when nothing is recorded for it.
 */
export async function collect(
  database: Database,
  target: SendTarget,
  sessionId: string,
  timeZone: string,
): Promise<Collected> {
  const session = await readSession(database, target, sessionId);
  const records = await readRecords(database, target, sessionId);
  if (records.length === 0) {
    throw new ServiceError('failed_precondition', `No attendance is recorded for session ${sessionId} yet.`, {
      reason: 'ATTENDANCE_EMPTY',
    });
  }
  // What goes out under an id in doubt may be put down to somebody else, and nothing takes it back.
  const isSendable = ({ externalId, isDoubted }: FoundRow) => externalId !== null && !isDoubted;
  return {
    session: {
      sessionId,
      institutionId: target.institutionId,
      timeZone,
      date: dayIn(session.startsAt, timeZone),
      startsAt: session.startsAt,
      endsAt: session.endsAt,
      topic: session.topic ?? undefined,
      group: entity(session.groupId, session.groupExternalId, session.groupName),
      course: entity(session.courseId, session.courseExternalId, session.courseName),
      teacher: entity(session.teacherId, session.teacherExternalId, session.teacherName),
    },
    rows: records.filter(isSendable).map(toRow),
    withheld: records
      .filter((record) => !isSendable(record))
      .map((record) => ({
        studentId: record.studentId,
        reason: whyWithheld(record),
        ...(record.externalId !== null && { row: toRow(record) }),
      })),
  };
}

function whyWithheld(record: FoundRow): string {
  if (record.externalId === null)
    return `${nameOf(record)} has no mapping in this integration; sync STUDENT first`;
  const id = quoted(record.externalId);
  return `${nameOf(record)} has the id ${id}, which the school may have given to somebody else; decide about the conflict of ${id} first`;
}

/** A student as an error sentence calls him or her. */
export function nameOf({
  studentId,
  givenName,
  familyName,
}: Pick<RecordRow, 'studentId' | 'givenName' | 'familyName'>): string {
  const name = [familyName, givenName].filter(Boolean).join(', ');
  return `student ${name ? `${name} (${studentId})` : studentId}`;
}

async function readSession(
  database: Database,
  { id, institutionId }: SendTarget,
  sessionId: string,
): Promise<SessionRow> {
  const mapping = (alias: string, type: string, internal: string) =>
    `LEFT JOIN integration_mappings ${alias}
       ON ${alias}.integration_id = $3
         AND ${alias}.entity_type = '${type}' AND ${alias}.internal_id = ${internal}`;
  const [row] = await database.query<SessionRow>(
    `SELECT s.starts_at AS "startsAt", s.ends_at AS "endsAt", s.topic,
       s.group_id AS "groupId", g.name AS "groupName", gm.external_id AS "groupExternalId",
       c.id AS "courseId", c.name AS "courseName", cm.external_id AS "courseExternalId",
       t.id AS "teacherId", trim(t.given_name || ' ' || t.family_name) AS "teacherName",
         tm.external_id AS "teacherExternalId"
     FROM class_sessions s
     LEFT JOIN groups g ON g.institution_id = $1 AND g.id = s.group_id
     LEFT JOIN courses c ON c.institution_id = $1 AND c.id = COALESCE(s.course_id, g.course_id)
     LEFT JOIN teachers t ON t.institution_id = $1 AND t.id = s.teacher_id
     ${mapping('gm', 'GROUP', 's.group_id')} ${mapping('cm', 'COURSE', 'c.id')} ${mapping('tm', 'TEACHER', 't.id')}
     WHERE s.institution_id = $1 AND s.id = $2`,
    [institutionId, sessionId, id],
  );
  if (row) return row;
  throw new ServiceError(
    'not_found',
    `There is no class session ${sessionId}; put it in with PutClassSession.`,
    {
      reason: 'CLASS_SESSION_NOT_FOUND',
    },
  );
}

async function readRecords(
  database: Database,
  { id, institutionId }: SendTarget,
  sessionId: string,
): Promise<FoundRow[]> {
  return database.query<FoundRow>(
    `SELECT a.student_id AS "studentId", m.external_id AS "externalId", s.given_name AS "givenName",
      s.family_name AS "familyName",
       s.national_id AS "nationalId", s.code, a.status, a.arrival_time AS "arrivalTime",
       a.permanence_percentage AS "permanencePercentage", a.origin, a.source, a.remarks,
       d.id IS NOT NULL AS "isDoubted"
     FROM attendance_records a
     LEFT JOIN students s ON s.institution_id = $1 AND s.id = a.student_id
     LEFT JOIN integration_mappings m ON m.integration_id = $3 AND m.entity_type = 'STUDENT'
       AND m.internal_id = a.student_id
     LEFT JOIN sync_conflicts d ON ${isDoubtOf('d', 'm', '$3')}
     WHERE a.institution_id = $1 AND a.session_id = $2
       ORDER BY s.family_name, s.given_name, m.external_id, a.student_id`,
    [institutionId, sessionId, id],
  );
}

function entity(
  internalId: string | null,
  externalId: string | null,
  name: string | null,
): SheetEntity | undefined {
  return internalId === null
    ? undefined
    : { internalId, externalId: externalId ?? undefined, name: name ?? '' };
}

function toRow({ isDoubted: _, ...row }: FoundRow): AttendanceRow {
  const entries = Object.entries(row).map(([key, value]) => [key, value ?? undefined]);
  return {
    ...(Object.fromEntries(entries) as AttendanceRow),
    givenName: row.givenName ?? '',
    familyName: row.familyName ?? '',
  };
}

/** The day that an instant falls on in a zone, YYYY-MM-DD. */
function dayIn(instant: Date, timeZone: string): string {
  // The Swedish locale writes dates as ISO does.
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(instant);
}
