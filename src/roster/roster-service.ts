import { readFeed } from '../changes/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import {
  type Page,
  type PageRequest,
  pageSizeOf,
  readPageToken,
  TOKEN,
  toPage,
  writePageToken,
} from '../paging.js';
import { ClassSessionStore, type OrderSending } from './class-session-store.js';
import { searchConditions } from './people-search.js';
import type {
  AttendanceRecord,
  ClassSession,
  Course,
  Group,
  Membership,
  RosterChange,
  Student,
  Teacher,
} from './roster.js';
import { type EntityEdit, RosterEdits } from './roster-edits.js';
import { ENTITY_SPECS, type EntitySpec, selectedColumns } from './schema.js';

/**
 * Whether group and person of a membership `m` are active; $1 is the institution. Each is looked up by its
 * key.
 */
const IS_CURRENT = `(SELECT g.active FROM groups g WHERE g.institution_id = $1 AND g.id = m.group_id)
  AND CASE m.role WHEN 'STUDENT'
    THEN (SELECT p.active FROM students p WHERE p.institution_id = $1 AND p.id = m.person_id)
    ELSE (SELECT p.active FROM teachers p WHERE p.institution_id = $1 AND p.id = m.person_id) END`;

/** Lists of one institution. */
export type InstitutionPage = PageRequest & { institutionId: string };
/**
 * Lists of people may be cut down to those who are in a group now, and to those of whom each word of `query` begins a
 * name, an e-mail, a national id or a code, or a part of one; capitals and accents aside.
 */
export type PeoplePage = InstitutionPage & { groupId?: string | undefined; query?: string | undefined };

/** SmartID's side: the roster that syncs keep up to date, and class sessions with their attendance. */
export class RosterService {
  readonly #database: Database;
  readonly #sessions: ClassSessionStore;
  readonly #edits: RosterEdits;

  /** `orderSending`: who sends the attendance of closed sessions; where nobody does, none is sent. */
  constructor(database: Database, orderSending: OrderSending = async () => []) {
    this.#database = database;
    this.#sessions = new ClassSessionStore(database, orderSending);
    this.#edits = new RosterEdits(database);
  }

  listStudents(request: PeoplePage): Promise<Page<Student>> {
    return this.#list<Student>(ENTITY_SPECS.STUDENT, request, 'STUDENT');
  }

  getStudent(institutionId: string, id: string): Promise<Student> {
    return this.#get<Student>(ENTITY_SPECS.STUDENT, institutionId, id);
  }

  listTeachers(request: PeoplePage): Promise<Page<Teacher>> {
    return this.#list<Teacher>(ENTITY_SPECS.TEACHER, request, 'TEACHER');
  }

  getTeacher(institutionId: string, id: string): Promise<Teacher> {
    return this.#get<Teacher>(ENTITY_SPECS.TEACHER, institutionId, id);
  }

  listCourses(request: InstitutionPage): Promise<Page<Course>> {
    return this.#list<Course>(ENTITY_SPECS.COURSE, request);
  }

  getCourse(institutionId: string, id: string): Promise<Course> {
    return this.#get<Course>(ENTITY_SPECS.COURSE, institutionId, id);
  }

  listGroups(request: InstitutionPage): Promise<Page<Group>> {
    return this.#list<Group>(ENTITY_SPECS.GROUP, request);
  }

  getGroup(institutionId: string, id: string): Promise<Group> {
    return this.#get<Group>(ENTITY_SPECS.GROUP, institutionId, id);
  }

  /**
   * Who is in which group now, ordered by group, person and role. Of inactive groups and people there are
   * none.
   */
  async listMemberships(request: PeoplePage): Promise<Page<Membership>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.uuid, TOKEN.uuid, TOKEN.entityType]);
    const rows = await this.#database.query<Membership>(
      `SELECT institution_id AS "institutionId", group_id AS "groupId", person_id AS "personId", role,
        created_at AS "createdAt"
       FROM memberships m WHERE institution_id = $1 AND ($3::uuid IS NULL OR group_id = $3) AND ${IS_CURRENT}
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

  /**
   * Puts a student in under an id of the caller's, or changes the fields that are named. Repeating changes
   * nothing.
   */
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

  /**
   * Puts a class session in, or replaces it. Throws `invalid_argument` when group, course or teacher is not
   * there.
   */
  putClassSession(session: Omit<ClassSession, 'closedAt'>): Promise<ClassSession> {
    return this.#sessions.put(session);
  }

  /**
   * Closes a session: its attendance leaves by itself, to each integration that takes attendance and knows its
   * group or course, and so does what is corrected later. Closing it again sends what is new. Throws
   * `not_found`.
   */
  closeClassSession(
    institutionId: string,
    id: string,
  ): Promise<{ session: ClassSession; integrationIds: string[] }> {
    return this.#sessions.close(institutionId, id);
  }

  /** Throws `not_found`. */
  getClassSession(
    institutionId: string,
    id: string,
  ): Promise<{ session: ClassSession; records: AttendanceRecord[] }> {
    return this.#sessions.get(institutionId, id);
  }

  /**
   * Records marks, all of them or none; the last mark of a student counts. Repeating changes nothing. With
   * `close`, they are the last ones: see `closeClassSession`.
   */
  recordAttendance(
    institutionId: string,
    sessionId: string,
    records: readonly AttendanceRecord[],
    options: { close?: boolean } = {},
  ) {
    return this.#sessions.record(institutionId, sessionId, records, options);
  }

  /**
   * What changed, in the order it was committed. The token always leads on: kept and given again later, it
   * yields what came since. Throws `failed_precondition` when that is no longer kept.
   */
  async listRosterChanges(request: InstitutionPage): Promise<{
    changes: RosterChange[];
    nextPageToken: string;
    hasMore: boolean;
    /** Of a feed whose older changes were deleted: since when they are kept. */
    keptSince: Date | null;
  }> {
    const [position, seq] = readPageToken(request.pageToken, [TOKEN.position, TOKEN.integer]) ?? [];
    const { institutionId } = request;
    const { entries, end, hasMore, start } = await readFeed(this.#database, {
      institutionId,
      ...(position !== undefined && seq !== undefined && { after: { position, seq } }),
      limit: pageSizeOf(request),
    });
    return {
      changes: entries.map(({ position: _, seq: _seq, ...change }) => change),
      nextPageToken: writePageToken([end.position, end.seq]),
      hasMore,
      keptSince: start?.changedAt ?? null,
    };
  }

  async #list<T extends { id: string }>(
    spec: EntitySpec,
    request: PeoplePage,
    role: 'STUDENT' | 'TEACHER' | null = null,
  ): Promise<Page<T>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.uuid]);
    const values: unknown[] = [request.institutionId, size + 1];
    let where = 'institution_id = $1';
    if (key) where += ` AND id > $${values.push(key[0])}::uuid`;
    if (request.groupId && role) {
      where += ` AND id IN (SELECT person_id FROM memberships m
        WHERE institution_id = $1 AND group_id = $${values.push(request.groupId)}
          AND role = '${role}' AND ${IS_CURRENT})`;
    }
    if (request.query && role)
      for (const condition of searchConditions(request.query, (value) => `$${values.push(value)}`))
        where += ` AND ${condition}`;
    const rows = await this.#database.query<T>(
      `SELECT ${selectedColumns(spec)} FROM ${spec.table} WHERE ${where} ORDER BY id LIMIT $2`,
      values,
    );
    return toPage(
      rows,
      size,
      ({ id }) => [id],
      (row) => row,
    );
  }

  async #get<T extends object>(spec: EntitySpec, institutionId: string, id: string): Promise<T> {
    const [row] = await this.#database.query<T>(
      `SELECT ${selectedColumns(spec)} FROM ${spec.table} WHERE institution_id = $1 AND id = $2`,
      [institutionId, id],
    );
    if (row) return row;
    throw new ServiceError('not_found', `There is no ${spec.noun} ${id} in this institution.`, {
      reason: `${spec.noun.toUpperCase()}_NOT_FOUND`,
    });
  }
}
