import { formatString } from './answer.js';
import { refuse } from './moodle-exception.js';
import type {
  MoodleAttendance,
  MoodleCourse,
  MoodleSession,
  MoodleSimulatorOptions,
  MoodleStatus,
  MoodleUser,
  MoodleVices,
} from './types.js';

/** The front page's id on every Moodle. */
export const siteCourseId = 1;

const roleIds: Record<string, number> = {
  manager: 1,
  coursecreator: 2,
  editingteacher: 3,
  teacher: 4,
  student: 5,
  guest: 6,
};

/** The state all functions read, and the few ways to find something in it. */
export class MoodleSite {
  readonly name: string;
  readonly release: string;
  /** The token's own user. */
  readonly caller: MoodleUser;
  /** Where the current call says the site is; set for each call. */
  url = '';
  private readonly builtIn: MoodleUser[];
  private readonly positions = new Map<number, number>();

  constructor(
    readonly options: MoodleSimulatorOptions,
    readonly vices: MoodleVices,
    readonly sessions: Map<number, MoodleSession>,
  ) {
    this.name = options.siteName ?? 'Simulated Moodle';
    this.release = options.release ?? '4.5.6 (Build: 20250811)';
    const taken = new Set(options.users.map((user) => user.id));
    let callerId = 3;
    while (taken.has(callerId)) {
      callerId += 1;
    }
    this.caller = { ...account(callerId, 'ws_roster'), firstname: 'Roster', lastname: 'Service' };
    this.builtIn = [
      { ...account(1, 'guest'), firstname: 'Guest user', lastname: ' ' },
      account(2, 'admin'),
      this.caller,
    ];
  }

  get attendanceVersion(): 2024 | 2026 {
    return this.options.attendanceVersion ?? 2024;
  }

  /**
   * Everybody with an account, in no order; the site's own accounts give way to given ones of the same id.
   */
  everybody(): MoodleUser[] {
    const own = this.builtIn.filter((user) => this.user(user.id) === user);
    return [...own, ...this.options.users];
  }

  user(id: number): MoodleUser | undefined {
    const { users } = this.options;
    const known = users[this.positions.get(id) ?? -1];
    if (known?.id === id) {
      return known;
    }
    // A test may have changed the list since; looking everybody up again for each page would cost the
    // benchmark too much.
    if (this.positions.size !== users.length || known !== undefined) {
      this.positions.clear();
      users.forEach((user, index) => {
        this.positions.set(user.id, index);
      });
    }
    return users[this.positions.get(id) ?? -1] ?? this.builtIn.find((user) => user.id === id);
  }

  /** The site's front page, as a course. */
  get frontPage(): MoodleCourse {
    return { id: siteCourseId, shortname: 'SITE', fullname: this.name, categoryid: 0, enrolments: [] };
  }

  course(id: number): MoodleCourse {
    const course =
      id === siteCourseId ? this.frontPage : this.options.courses.find((candidate) => candidate.id === id);
    if (course === undefined) {
      throw refuse.missingRecord('course');
    }
    return course;
  }

  /** The activity and its course; refuses when there is none or the caller may not enter the course. */
  attendance(id: number): { attendance: MoodleAttendance; course: MoodleCourse } {
    for (const course of this.options.courses) {
      const attendance = course.attendance?.find((candidate) => candidate.id === id);
      if (attendance !== undefined) {
        if (this.vices.inaccessibleCourses.has(course.id)) {
          throw refuse.login();
        }
        return { attendance, course };
      }
    }
    throw refuse.missingUnknown();
  }

  /** The visible marks of one set, the best grade first, as Moodle lists them. */
  statuses(attendance: MoodleAttendance, setnumber: number): (MoodleStatus & { grade: number })[] {
    return (attendance.statuses ?? defaultStatuses(attendance.id))
      .filter((status) => status.setnumber === setnumber && status.visible !== 0 && status.deleted !== 1)
      .map((status) => ({ ...status, grade: status.acronym === 'P' ? 2 : status.acronym === 'A' ? 0 : 1 }))
      .sort((one, other) => other.grade - one.grade || one.id - other.id);
  }
}

/** A person's full name, unescaped as Moodle sends it. */
export function fullName(user: MoodleUser): string {
  return `${user.firstname} ${user.lastname}`;
}

/** Roles as a list of people shows them. */
export function rolesOf(
  shortnames: string[],
): { roleid: number; name: string; shortname: string; sortorder: number }[] {
  return shortnames
    .map((shortname) => ({ roleid: roleIds[shortname] ?? 9, name: '', shortname, sortorder: 0 }))
    .sort((one, other) => one.roleid - other.roleid);
}

/** Groups as a list of people shows them; undefined for a person in none. */
export function groupsOf(
  course: MoodleCourse,
  groupIds: number[] = [],
): Record<string, unknown>[] | undefined {
  const own = (course.groups ?? []).filter((group) => groupIds.includes(group.id));
  const rows = own.map(({ id, name }) => ({
    id,
    name: formatString(name),
    description: '',
    descriptionformat: 0,
  }));
  return rows.length === 0 ? undefined : rows;
}

function account(id: number, username: string): MoodleUser {
  return { id, username, firstname: 'Admin', lastname: 'User', email: `${username}@moodle.example` };
}

function defaultStatuses(attendanceId: number): MoodleStatus[] {
  const marks = [
    ['P', 'Present'],
    ['A', 'Absent'],
    ['L', 'Late'],
    ['E', 'Excused'],
  ] as const;
  return marks.map(([acronym, description], index) => ({
    id: attendanceId * 4 + 1 + index,
    acronym,
    description,
    setnumber: 0,
  }));
}
