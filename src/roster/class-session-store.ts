import {
  AttendanceRecordModel,
  ClassSessionModel,
  CourseModel,
  type Database,
  GroupModel,
  TeacherModel,
} from '../database/index.js';
import { type FieldViolation, invalidFields, ServiceError } from '../errors.js';
import type { AttendanceRecord, ClassSession } from './roster.js';

/** Class sessions and their marks. */
export class ClassSessionStore {
  constructor(private readonly database: Database) {}

  async put(session: ClassSession): Promise<ClassSession> {
    return this.database.transaction(async () => {
      await this.#requireReferences(session);
      await this.database.repository(ClassSessionModel).upsert({ ...session });
      const { session: stored } = await this.get(session.institutionId, session.id);
      return stored;
    });
  }

  async get(institutionId: string, id: string): Promise<{ session: ClassSession; records: AttendanceRecord[] }> {
    const session = await this.database.repository(ClassSessionModel).findOne({ where: { institutionId, id } });
    if (!session) throw sessionNotFound(id);
    const records = await this.database
      .repository(AttendanceRecordModel)
      .findAll({ where: { institutionId, sessionId: id }, order: ['studentId'] });
    return { session: session.get({ plain: true }), records: records.map((record) => record.get({ plain: true })) };
  }

  /** One statement for the whole batch: all of it or nothing, and rows that are there just so are not written. */
  async record(institutionId: string, sessionId: string, records: readonly AttendanceRecord[]) {
    requireOnce(records);
    return this.database.transaction(async () => {
      const [session] = await this.database.query(
        'SELECT 1 FROM class_sessions WHERE institution_id = $1 AND id = $2 FOR SHARE',
        [institutionId, sessionId],
      );
      if (!session) throw sessionNotFound(sessionId);
      await this.#requireStudents(institutionId, records);
      const values = ['status', 'arrival_time', 'permanence_percentage', 'origin', 'source', 'remarks'];
      const rows = await this.database.query<{ isNew: boolean }>(
        `INSERT INTO attendance_records AS a (institution_id, session_id, student_id, ${values.join(', ')})
         SELECT $1, $2, * FROM unnest($3::uuid[], $4::text[], $5::timestamptz[], $6::float8[], $7::text[], $8::text[], $9::text[])
         ON CONFLICT (institution_id, session_id, student_id) DO UPDATE
           SET ${values.map((column) => `${column} = excluded.${column}`).join(', ')}, updated_at = now()
           WHERE (${values.map((column) => `a.${column}`).join(', ')})
             IS DISTINCT FROM (${values.map((column) => `excluded.${column}`).join(', ')})
         RETURNING a.xmax = 0 AS "isNew"`,
        [
          institutionId,
          sessionId,
          records.map(({ studentId }) => studentId),
          records.map(({ status }) => status),
          records.map(({ arrivalTime }) => arrivalTime),
          records.map(({ permanencePercentage }) => permanencePercentage),
          records.map(({ origin }) => origin),
          records.map(({ source }) => source),
          records.map(({ remarks }) => remarks),
        ],
      );
      const created = rows.filter(({ isNew }) => isNew).length;
      return { created, updated: rows.length - created, unchanged: records.length - rows.length };
    });
  }

  async #requireReferences({ institutionId, groupId, courseId, teacherId }: ClassSession): Promise<void> {
    const violations: FieldViolation[] = [];
    if (!groupId && !courseId) {
      violations.push({ field: 'session.groupId', description: 'give the group that meets, or the course' });
    }
    const missing = (field: string, id: string) => {
      violations.push({ field: `session.${field}`, description: `${id} is not in the roster of this institution` });
    };
    if (groupId && !(await this.database.repository(GroupModel).findOne({ where: { institutionId, id: groupId } })))
      missing('groupId', groupId);
    if (courseId && !(await this.database.repository(CourseModel).findOne({ where: { institutionId, id: courseId } })))
      missing('courseId', courseId);
    if (teacherId && !(await this.database.repository(TeacherModel).findOne({ where: { institutionId, id: teacherId } })))
      missing('teacherId', teacherId);
    if (violations.length > 0) throw invalidFields(violations, 'UNKNOWN_REFERENCE');
  }

  async #requireStudents(institutionId: string, records: readonly AttendanceRecord[]): Promise<void> {
    const unknown = await this.database.query<{ id: string; position: number }>(
      `SELECT g.id, g.position::int AS position FROM unnest($2::uuid[]) WITH ORDINALITY AS g (id, position)
       WHERE NOT EXISTS (SELECT 1 FROM students s WHERE s.institution_id = $1 AND s.id = g.id) ORDER BY position`,
      [institutionId, records.map(({ studentId }) => studentId)],
    );
    if (unknown.length === 0) return;
    throw invalidFields(
      unknown.map(({ id, position }) => {
        return { field: `records[${position - 1}].studentId`, description: `${id} is not a student of this institution` };
      }),
      'UNKNOWN_REFERENCE',
    );
  }
}

function requireOnce(records: readonly AttendanceRecord[]): void {
  const first = new Map<string, number>();
  records.forEach(({ studentId }, index) => {
    const earlier = first.get(studentId);
    if (earlier !== undefined) {
      const description = `${studentId} is in records[${earlier}] already; give one mark for each student`;
      throw invalidFields([{ field: `records[${index}].studentId`, description }]);
    }
    first.set(studentId, index);
  });
}

function sessionNotFound(id: string): ServiceError {
  return new ServiceError('not_found', `There is no class session ${id} in this institution.`, {
    reason: 'CLASS_SESSION_NOT_FOUND',
  });
}
