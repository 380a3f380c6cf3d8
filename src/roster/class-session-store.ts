import { differenceOf, recordEvent } from '../audit/index.js';
import { AttendanceRecordModel, ClassSessionModel, type Database } from '../database/index.js';
import { type FieldViolation, invalidFields, ServiceError } from '../errors.js';
import { requireStorable } from '../require-storable.js';
import { findUnusable } from './find-unusable.js';
import type { AttendanceRecord, ClassSession } from './roster.js';
import { ENTITY_SPECS, type EntitySpec } from './schema.js';

/**
 * Orders, in the transaction under way, that the attendance of closed sessions is sent to whoever takes it.
 * `isCorrected`: something of it is new since it was ordered before. `isPast`: only to those that have been sent it before,
 * as far as that is still known, and after what else is to be sent. Returns the ids of these integrations.
 */
export type OrderSending = (
  sessions: { institutionId: string; sessionIds: readonly string[] },
  what: { isCorrected: boolean; isPast?: boolean },
) => Promise<string[]>;

/** Class sessions and their marks. */
export class ClassSessionStore {
  constructor(
    private readonly database: Database,
    private readonly orderSending: OrderSending,
  ) {}

  async put(session: Omit<ClassSession, 'closedAt'>): Promise<ClassSession> {
    requireStorable({ session });
    return this.database.transaction(async () => {
      await this.#requireReferences(session);
      const { institutionId, id } = session;
      const before = await this.#read(institutionId, id);
      const { groupId, courseId, teacherId, startsAt, endsAt, topic } = session;
      await this.database
        .repository(ClassSessionModel)
        .upsert({ institutionId, id, groupId, courseId, teacherId, startsAt, endsAt, topic });
      const stored = (await this.#read(institutionId, id)) as ClassSession;
      const changed = differenceOf(before ? auditedOf(before) : {}, auditedOf(stored));
      if (Object.keys(changed.after).length > 0) {
        await recordEvent(this.database, {
          institutionId,
          action: before ? 'class_session.updated' : 'class_session.created',
          objectType: 'CLASS_SESSION',
          objectId: id,
          before: before ? changed.before : null,
          after: changed.after,
        });
        // The school is told of a session that was moved.
        if (stored.closedAt)
          await this.orderSending({ institutionId, sessionIds: [id] }, { isCorrected: true });
      }
      return stored;
    });
  }

  /** Closes a session, and orders its sending. One that was closed stays as it was. */
  async close(
    institutionId: string,
    id: string,
  ): Promise<{ session: ClassSession; integrationIds: string[] }> {
    return this.database.transaction(async () => {
      const [locked] = await this.database.query(
        'SELECT 1 FROM class_sessions WHERE institution_id = $1 AND id = $2 FOR NO KEY UPDATE',
        [institutionId, id],
      );
      if (!locked) throw sessionNotFound(id);
      const integrationIds = await this.#close(institutionId, id, { isCorrected: false });
      return { session: (await this.#read(institutionId, id)) as ClassSession, integrationIds };
    });
  }

  async #close(
    institutionId: string,
    id: string,
    { isCorrected }: { isCorrected: boolean },
  ): Promise<string[]> {
    const [closed] = await this.database.query<{ closedAt: Date }>(
      `UPDATE class_sessions SET closed_at = clock_timestamp()
       WHERE institution_id = $1 AND id = $2 AND closed_at IS NULL
       RETURNING closed_at AS "closedAt"`,
      [institutionId, id],
    );
    const integrationIds = await this.orderSending({ institutionId, sessionIds: [id] }, { isCorrected });
    if (closed) {
      await recordEvent(this.database, {
        institutionId,
        action: 'class_session.closed',
        objectType: 'CLASS_SESSION',
        objectId: id,
        before: { closedAt: null },
        after: { closedAt: closed.closedAt, sentTo: integrationIds },
      });
    }
    return integrationIds;
  }

  async get(
    institutionId: string,
    id: string,
  ): Promise<{ session: ClassSession; records: AttendanceRecord[] }> {
    const session = await this.#read(institutionId, id);
    if (!session) throw sessionNotFound(id);
    const records = await this.database
      .repository(AttendanceRecordModel)
      .findAll({ where: { institutionId, sessionId: id }, order: ['studentId'] });
    return {
      session,
      records: records.map((record) => record.get({ plain: true })),
    };
  }

  /**
   * One statement for the whole batch: all of it or nothing, and rows that are there just so are not written.
   * With `close`, the session is closed by it; what is recorded of a closed one is sent by itself.
   */
  async record(
    institutionId: string,
    sessionId: string,
    records: readonly AttendanceRecord[],
    { close = false }: { close?: boolean } = {},
  ) {
    requireStorable({ records });
    requireOnce(records);
    // Everybody writes rows in one order, so that two who write the same ones do not wait for each other.
    const inOrder = records.toSorted((a, b) =>
      a.studentId.toLowerCase() < b.studentId.toLowerCase() ? -1 : 1,
    );
    return this.database.transaction(async () => {
      // Students before their sessions, as a merge locks them.
      const violations = await this.#findUnusable(institutionId, records);
      // Whoever closes it waits until these marks are there, or these see that it was closed.
      const [session] = await this.database.query<{ isClosed: boolean }>(
        `SELECT closed_at IS NOT NULL AS "isClosed" FROM class_sessions
         WHERE institution_id = $1 AND id = $2 ${close ? 'FOR NO KEY UPDATE' : 'FOR SHARE'}`,
        [institutionId, sessionId],
      );
      if (!session) throw sessionNotFound(sessionId);
      if (violations.length > 0) throw invalidFields(violations, 'UNKNOWN_REFERENCE');
      const values = ['status', 'arrival_time', 'permanence_percentage', 'origin', 'source', 'remarks'];
      const rows = await this.database.query<{ studentId: string; before: object | null; after: object }>(
        `WITH before AS MATERIALIZED (
           SELECT student_id, ${markOf('b')} AS mark
           FROM attendance_records b
           WHERE institution_id = $1 AND session_id = $2 AND student_id = ANY($3::uuid[]))
         INSERT INTO attendance_records AS a (institution_id, session_id, student_id, ${values.join(', ')})
         SELECT $1, $2, * FROM unnest($3::uuid[], $4::text[], $5::timestamptz[], $6::float8[], $7::text[],
           $8::text[], $9::text[])
         ON CONFLICT (institution_id, session_id, student_id) DO UPDATE
           SET ${values.map((column) => `${column} = excluded.${column}`).join(', ')}, updated_at = now()
           WHERE (${values.map((column) => `a.${column}`).join(', ')})
             IS DISTINCT FROM (${values.map((column) => `excluded.${column}`).join(', ')})
         RETURNING a.student_id AS "studentId", ${markOf('a')} AS after,
           (SELECT mark FROM before WHERE before.student_id = a.student_id) AS before`,
        [
          institutionId,
          sessionId,
          inOrder.map(({ studentId }) => studentId),
          inOrder.map(({ status }) => status),
          inOrder.map(({ arrivalTime }) => arrivalTime),
          inOrder.map(({ permanencePercentage }) => permanencePercentage),
          inOrder.map(({ origin }) => origin),
          inOrder.map(({ source }) => source),
          inOrder.map(({ remarks }) => remarks),
        ],
      );
      const created = rows.filter(({ before }) => before === null).length;
      if (rows.length > 0) {
        const marks = (state: 'before' | 'after') =>
          Object.fromEntries(rows.map((row) => [row.studentId, row[state]]));
        await recordEvent(this.database, {
          institutionId,
          action: 'attendance.recorded',
          objectType: 'CLASS_SESSION',
          objectId: sessionId,
          before: marks('before'),
          after: marks('after'),
        });
      }
      const isCorrected = rows.length > 0;
      if (close) await this.#close(institutionId, sessionId, { isCorrected });
      else if (session.isClosed && isCorrected)
        await this.orderSending({ institutionId, sessionIds: [sessionId] }, { isCorrected });
      return { created, updated: rows.length - created, unchanged: records.length - rows.length };
    });
  }

  async #read(institutionId: string, id: string): Promise<ClassSession | undefined> {
    const session = await this.database
      .repository(ClassSessionModel)
      .findOne({ where: { institutionId, id } });
    return session?.get({ plain: true });
  }

  async #requireReferences({
    institutionId,
    groupId,
    courseId,
    teacherId,
  }: Omit<ClassSession, 'closedAt'>): Promise<void> {
    const violations: FieldViolation[] = [];
    if (!groupId && !courseId) {
      violations.push({ field: 'session.groupId', description: 'give the group that meets, or the course' });
    }
    const check = async (spec: EntitySpec, ids: Record<string, string | null>) =>
      violations.push(...(await findUnusable(this.database, spec, institutionId, ids)));
    await check(ENTITY_SPECS.GROUP, { 'session.groupId': groupId });
    await check(ENTITY_SPECS.COURSE, { 'session.courseId': courseId });
    await check(ENTITY_SPECS.TEACHER, { 'session.teacherId': teacherId });
    if (violations.length > 0) throw invalidFields(violations, 'UNKNOWN_REFERENCE');
  }

  #findUnusable(institutionId: string, records: readonly AttendanceRecord[]): Promise<FieldViolation[]> {
    const ids = Object.fromEntries(
      records.map(({ studentId }, index) => [`records[${index}].studentId`, studentId]),
    );
    return findUnusable(this.database, ENTITY_SPECS.STUDENT, institutionId, ids);
  }
}

/** SQL for a mark as the audit keeps it, without what it does not say; `a`: the alias of attendance_records. */
export function markOf(a: string): string {
  return `jsonb_strip_nulls(jsonb_build_object('status', ${a}.status, 'arrivalTime', ${a}.arrival_time,
    'permanencePercentage', ${a}.permanence_percentage, 'origin', ${a}.origin, 'source', ${a}.source,
    'remarks', ${a}.remarks))`;
}

/** What the audit keeps of a session. */
function auditedOf({ groupId, courseId, teacherId, startsAt, endsAt, topic }: ClassSession) {
  return { groupId, courseId, teacherId, startsAt, endsAt, topic };
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
