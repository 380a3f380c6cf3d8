import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage, writePageToken } from '../paging.js';
import { ClassSessionStore } from './class-session-store.js';
import type { AttendanceRecord, ClassSession, Course, Group, Membership, RosterChange, Student, Teacher } from './roster.js';
import { type EntityEdit, RosterEdits } from './roster-edits.js';

interface EntityTable {
  table: string;
  noun: string;
  columns: string;
}

const COMMON =
  'id, institution_id AS "institutionId", active, edited AS "editedFields", metadata, created_at AS "createdAt", updated_at AS "updatedAt"';
const PERSON = 'national_id AS "nationalId", given_name AS "givenName", family_name AS "familyName", email, code';

const STUDENTS: EntityTable = {
  table: 'students',
  noun: 'student',
  columns: `${COMMON}, ${PERSON}, enrolled_on::text AS "enrolledOn", birth_date::text AS "birthDate"`,
};
const TEACHERS: EntityTable = { table: 'teachers', noun: 'teacher', columns: `${COMMON}, ${PERSON}` };
const COURSES: EntityTable = {
  table: 'courses',
  noun: 'course',
  columns: `${COMMON}, name, code, grade, academic_term AS "academicTerm", description`,
};
const GROUPS: EntityTable = {
  table: 'groups',
  noun: 'group',
  columns: `${COMMON}, name, course_id AS "courseId", code, academic_term AS "academicTerm"`,
};

/** Lists of one institution. */
export type InstitutionPage = PageRequest & { institutionId: string };
/** Lists of people may be cut down to the members of a group. */
export type PeoplePage = InstitutionPage & { groupId?: string | undefined };

/** SmartID's side: the roster that syncs keep up to date, and class sessions with their attendance. */
export class RosterService {
  readonly #database: Database;
  readonly #sessions: ClassSessionStore;
  readonly #edits: RosterEdits;

  constructor(database: Database) {
    this.#database = database;
    this.#sessions = new ClassSessionStore(database);
    this.#edits = new RosterEdits(database);
  }

  listStudents(request: PeoplePage): Promise<Page<Student>> {
    return this.#list<Student>(STUDENTS, request, 'STUDENT');
  }

  getStudent(institutionId: string, id: string): Promise<Student> {
    return this.#get<Student>(STUDENTS, institutionId, id);
  }

  listTeachers(request: PeoplePage): Promise<Page<Teacher>> {
    return this.#list<Teacher>(TEACHERS, request, 'TEACHER');
  }

  getTeacher(institutionId: string, id: string): Promise<Teacher> {
    return this.#get<Teacher>(TEACHERS, institutionId, id);
  }

  listCourses(request: InstitutionPage): Promise<Page<Course>> {
    return this.#list<Course>(COURSES, request);
  }

  getCourse(institutionId: string, id: string): Promise<Course> {
    return this.#get<Course>(COURSES, institutionId, id);
  }

  listGroups(request: InstitutionPage): Promise<Page<Group>> {
    return this.#list<Group>(GROUPS, request);
  }

  getGroup(institutionId: string, id: string): Promise<Group> {
    return this.#get<Group>(GROUPS, institutionId, id);
  }

  /** Who is in which group, ordered by group, person and role. */
  async listMemberships(request: PeoplePage): Promise<Page<Membership>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.uuid, TOKEN.uuid, TOKEN.entityType]);
    const rows = await this.#database.query<Membership>(
      `SELECT institution_id AS "institutionId", group_id AS "groupId", person_id AS "personId", role, created_at AS "createdAt"
       FROM memberships WHERE institution_id = $1 AND ($3::uuid IS NULL OR group_id = $3)
         ${key ? 'AND (group_id, person_id, role) > ($4::uuid, $5::uuid, $6)' : ''}
       ORDER BY group_id, person_id, role LIMIT $2`,
      [request.institutionId, size + 1, request.groupId ?? null, ...(key ?? [])],
    );
    return toPage(
      rows,
      size,
      ({ groupId, personId, role }) => [groupId, personId, role],
      (row) => row,
    );
  }

  /** Puts a student in under an id of the caller's, or changes the fields that are named. Repeating changes nothing. */
  async putStudent(institutionId: string, id: string, edit: EntityEdit): Promise<Student> {
    await this.#edits.put('STUDENT', institutionId, id, edit);
    return this.getStudent(institutionId, id);
  }

  async putTeacher(institutionId: string, id: string, edit: EntityEdit): Promise<Teacher> {
    await this.#edits.put('TEACHER', institutionId, id, edit);
    return this.getTeacher(institutionId, id);
  }

  async putCourse(institutionId: string, id: string, edit: EntityEdit): Promise<Course> {
    await this.#edits.put('COURSE', institutionId, id, edit);
    return this.getCourse(institutionId, id);
  }

  async putGroup(institutionId: string, id: string, edit: EntityEdit): Promise<Group> {
    await this.#edits.put('GROUP', institutionId, id, edit);
    return this.getGroup(institutionId, id);
  }

  /** Puts somebody into a group. */
  putMembership(membership: Omit<Membership, 'createdAt'>): Promise<void> {
    return this.#edits.putMembership(membership, true);
  }

  /** Takes somebody out of a group. */
  deleteMembership(membership: Omit<Membership, 'createdAt'>): Promise<void> {
    return this.#edits.putMembership(membership, false);
  }

  /** Puts a class session in, or replaces it. Throws `invalid_argument` when group, course or teacher is not there. */
  putClassSession(session: ClassSession): Promise<ClassSession> {
    return this.#sessions.put(session);
  }

  /** Throws `not_found`. */
  getClassSession(institutionId: string, id: string): Promise<{ session: ClassSession; records: AttendanceRecord[] }> {
    return this.#sessions.get(institutionId, id);
  }

  /** Records marks, all of them or none; the last mark of a student counts. Repeating changes nothing. */
  recordAttendance(institutionId: string, sessionId: string, records: readonly AttendanceRecord[]) {
    return this.#sessions.record(institutionId, sessionId, records);
  }

  /**
   * What changed, in the order it was committed. The token always leads on: kept and given again later, it yields what
   * came since.
   */
  async listRosterChanges(
    request: InstitutionPage,
  ): Promise<{ changes: RosterChange[]; nextPageToken: string; hasMore: boolean }> {
    const size = pageSizeOf(request);
    const from = readPageToken(request.pageToken, [TOKEN.integer, TOKEN.integer]) ?? ['0', '0'];
    const rows = await this.#database.query<RosterChange & { position: string; seq: number }>(
      `(SELECT r.applied_position AS at, r.applied_position::text AS position, c.seq, c.run_id::text AS "runId",
          CASE WHEN c.action IN ('CREATE', 'DELETE') THEN c.action ELSE 'UPDATE' END AS action, c.entity,
          c.internal_id AS "entityId", c.before, c.after, COALESCE(r.finished_at, r.started_at) AS "changedAt"
        FROM sync_runs r JOIN sync_changes c ON c.integration_id = r.integration_id AND c.run_id = r.id
        WHERE r.institution_id = $1 AND r.applied_position >= $2 AND (r.applied_position, c.seq) > ($2, $3)
          -- What only a mapping went through is none of the roster's.
          AND c.outcome IS NULL AND c.action <> 'REKEY' AND c.before IS DISTINCT FROM c.after
        ORDER BY r.applied_position, c.seq LIMIT $4)
       UNION ALL
       (SELECT e.position, e.position::text, 1, '', e.action, e.entity, e.entity_id, e.before, e.after, e.changed_at FROM roster_edits e
        WHERE e.institution_id = $1 AND e.position >= $2 AND (e.position, 1) > ($2, $3) ORDER BY e.position LIMIT $4)
       ORDER BY at, seq LIMIT $4`,
      [request.institutionId, ...from, size + 1],
    );
    const page = rows.slice(0, size);
    const last = page.at(-1);
    return {
      changes: page.map(({ runId, action, entity, entityId, before, after, changedAt }) => {
        return { runId, action, entity, entityId, before, after, changedAt };
      }),
      nextPageToken: writePageToken(last ? [last.position, String(last.seq)] : from),
      hasMore: rows.length > size,
    };
  }

  async #list<T extends { id: string }>(
    { table, columns }: EntityTable,
    request: PeoplePage,
    role: 'STUDENT' | 'TEACHER' | null = null,
  ): Promise<Page<T>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.uuid]);
    const values: unknown[] = [request.institutionId, size + 1];
    let where = 'institution_id = $1';
    if (key) where += ` AND id > $${values.push(key[0])}::uuid`;
    if (request.groupId && role) {
      where += ` AND id IN (SELECT person_id FROM memberships
        WHERE institution_id = $1 AND group_id = $${values.push(request.groupId)} AND role = '${role}')`;
    }
    const rows = await this.#database.query<T>(`SELECT ${columns} FROM ${table} WHERE ${where} ORDER BY id LIMIT $2`, values);
    return toPage(
      rows,
      size,
      ({ id }) => [id],
      (row) => row,
    );
  }

  async #get<T extends object>({ table, noun, columns }: EntityTable, institutionId: string, id: string): Promise<T> {
    const [row] = await this.#database.query<T>(`SELECT ${columns} FROM ${table} WHERE institution_id = $1 AND id = $2`, [
      institutionId,
      id,
    ]);
    if (row) return row;
    throw new ServiceError('not_found', `There is no ${noun} ${id} in this institution.`, {
      reason: `${noun.toUpperCase()}_NOT_FOUND`,
    });
  }
}
