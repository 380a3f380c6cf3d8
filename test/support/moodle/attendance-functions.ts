import { MemoryExhausted, refuse } from './moodle-exception.js';
import type { Parameters } from './parameters.js';
import type { MoodleSite } from './site.js';
import type { MoodleAttendance, MoodleCourse, MoodleSession } from './types.js';

/** The mod_attendance functions, and what they remember besides the sessions themselves. */
export class AttendanceFunctions {
  private readonly taken = new Map<number, { at: number; by: number }>();
  private readonly logIds = new Map<string, number>();
  private lastSessionId = 0;

  /** mod_attendance_get_sessions: every session in full; there is no filter. */
  readonly getSessions = (site: MoodleSite, parameters: Parameters): unknown => {
    const { attendance, course } = site.attendance(parameters.int('attendanceid'));
    const own = [...site.sessions.values()].filter((session) => session.attendanceid === attendance.id);
    const rows = own.reduce((sum, { groupid }) => sum + listed(site, course, groupid).length, 0);
    if (rows > (site.vices.phpMemoryRows ?? Number.POSITIVE_INFINITY)) {
      throw new MemoryExhausted();
    }
    return own
      .sort((one, other) => one.id - other.id)
      .map((session) => this.describe(site, session, attendance, course));
  };

  /** mod_attendance_get_session. */
  readonly getSession = (site: MoodleSite, parameters: Parameters): unknown => {
    const session = findSession(site, parameters.int('sessionid'));
    const { attendance, course } = site.attendance(session.attendanceid);
    return this.describe(site, session, attendance, course);
  };

  /**
   * mod_attendance_get_courses_with_today_sessions: without people. Only courses in which the user is enrolled and
   * may take attendance, and of those only activities that have a session today.
   */
  readonly getTodaySessions = (site: MoodleSite, parameters: Parameters): unknown => {
    const userId = parameters.int('userid');
    if (site.user(userId) === undefined) {
      throw refuse.missingUser();
    }
    const today = new Date().toISOString().slice(0, 10);
    const teaches = ({ enrolments }: MoodleCourse) =>
      enrolments.some((enrolment) => enrolment.userId === userId && !enrolment.roles.includes('student'));
    return site.options.courses.filter(teaches).flatMap((course) => {
      const instances = (course.attendance ?? []).flatMap((attendance) => {
        const sessions = [...site.sessions.values()]
          .filter(({ attendanceid }) => attendanceid === attendance.id)
          .filter(({ sessdate }) => new Date(sessdate * 1_000).toISOString().startsWith(today))
          .map((session) => this.row(site, session));
        const name = attendance.name ?? 'Attendance';
        return sessions.length > 0 ? [{ name, today_sessions: sessions }] : [];
      });
      const { shortname, fullname } = course;
      return instances.length > 0 ? [{ shortname, fullname, attendance_instances: instances }] : [];
    });
  };

  /** mod_attendance_add_session: the same call again makes a second session. */
  readonly addSession = (site: MoodleSite, parameters: Parameters): unknown => {
    const { attendance, course } = site.attendance(parameters.int('attendanceid'));
    const groupid = parameters.int('groupid');
    checkGroup(attendance, course, groupid);
    this.lastSessionId = Math.max(this.lastSessionId, ...site.sessions.keys()) + 1;
    site.sessions.set(this.lastSessionId, {
      id: this.lastSessionId,
      attendanceid: attendance.id,
      groupid,
      sessdate: parameters.int('sessiontime'),
      duration: parameters.int('duration'),
      description: parameters.text('description'),
      statusset: 0,
      log: new Map(),
    });
    return { sessionid: this.lastSessionId };
  };

  /** Its marks go with it, and its id is not given again. Refuses as Moodle does when there is none. */
  deleteSession(site: MoodleSite, id: number): void {
    findSession(site, id);
    this.lastSessionId = Math.max(this.lastSessionId, id);
    this.taken.delete(id);
    site.sessions.delete(id);
  }

  /**
   * mod_attendance_update_user_status: writes or overwrites one mark; the 2024 code believes what it is told.
   */
  readonly updateUserStatus = (site: MoodleSite, parameters: Parameters): unknown => {
    const session = findSession(site, parameters.int('sessionid'));
    const { attendance } = site.attendance(session.attendanceid);
    const studentId = parameters.int('studentid');
    const takenBy = parameters.int('takenbyid');
    if (site.user(studentId) === undefined || site.user(takenBy) === undefined) {
      throw refuse.missingUser();
    }
    const statusId = parameters.int('statusid');
    const statuses = site.statuses(attendance, session.statusset);
    const ownSet = parameters.text('statusset') === String(session.statusset);
    if (site.attendanceVersion === 2026 && !(ownSet && statuses.some((status) => status.id === statusId))) {
      throw refuse.parameter();
    }
    const remarks = session.log.get(studentId)?.remarks ?? null;
    session.log.set(studentId, { statusid: String(statusId), remarks });
    this.taken.set(session.id, { at: now(), by: takenBy });
    return site.attendanceVersion === 2026 ? 'OK' : null;
  };

  /** What Moodle says of a session without its people. */
  private row(site: MoodleSite, session: MoodleSession) {
    const { id, attendanceid, groupid, sessdate, duration, description, statusset } = session;
    const taken = this.taken.get(id) ?? unrecorded(site, session);
    return {
      id,
      attendanceid,
      groupid,
      sessdate,
      duration,
      lasttaken: taken?.at ?? null,
      lasttakenby: taken?.by ?? 0,
      timemodified: taken?.at ?? sessdate,
      description,
      descriptionformat: 1,
      studentscanmark: 0,
      absenteereport: 1,
      autoassignstatus: 0,
      preventsharedip: 0,
      preventsharediptime: null,
      statusset,
      includeqrcode: 0,
      studentsearlyopentime: 0,
    };
  }

  private describe(
    site: MoodleSite,
    session: MoodleSession,
    attendance: MoodleAttendance,
    course: MoodleCourse,
  ) {
    const { id, attendanceid, groupid, statusset } = session;
    return {
      ...this.row(site, session),
      courseid: course.id,
      statuses: site.statuses(attendance, statusset).map((status) => ({
        id: status.id,
        attendanceid,
        acronym: status.acronym,
        description: status.description,
        grade: status.grade,
        visible: 1,
        deleted: 0,
        setnumber: status.setnumber,
      })),
      attendance_log: [...session.log].map(([studentid, mark]) => ({
        studentid,
        ...mark,
        id: this.logId(id, studentid),
      })),
      users: listed(site, course, groupid),
    };
  }

  private logId(sessionId: number, studentId: number): string {
    const key = `${sessionId}/${studentId}`;
    const id = this.logIds.get(key) ?? this.logIds.size + 1;
    this.logIds.set(key, id);
    return String(id);
  }
}

function findSession(site: MoodleSite, id: number): MoodleSession {
  const session = site.sessions.get(id);
  if (session === undefined) {
    throw refuse.missingRecord('attendance_sessions');
  }
  return session;
}

function checkGroup(attendance: MoodleAttendance, course: MoodleCourse, groupId: number): void {
  const mode = attendance.groupmode ?? 0;
  const refused = mode === 0 ? groupId > 0 : mode === 1 && groupId === 0;
  const checked = mode === 1 || (mode === 2 && groupId > 0);
  if (refused || (checked && !course.groups?.some((group) => group.id === groupId))) {
    throw refuse.parameter();
  }
}

/** Students only, of the session's group when it has one: what the sheet in Moodle would show. */
function listed(site: MoodleSite, course: MoodleCourse, groupId: number) {
  return course.enrolments
    .filter(
      ({ roles, groupIds }) =>
        roles.includes('student') && (groupId === 0 || groupIds?.includes(groupId) === true),
    )
    .flatMap(({ userId }) => site.user(userId) ?? [])
    .map(({ id, firstname, lastname }) => ({ id, firstname, lastname }));
}

/** For marks a test put into the log itself. */
function unrecorded(site: MoodleSite, session: MoodleSession): { at: number; by: number } | undefined {
  return session.log.size === 0 ? undefined : { at: session.sessdate, by: site.caller.id };
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
