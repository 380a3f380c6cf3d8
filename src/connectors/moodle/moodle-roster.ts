import { ConnectorError } from '../connector-error.js';
import type { RecordIssue } from '../external-record.js';
import type { MoodleClient } from './moodle-client.js';
import type { MoodleConfig } from './moodle-config.js';
import { isRefusal } from './moodle-error.js';
import {
  courses,
  coursesByField,
  type EnrolledUser,
  enrolledUsers,
  type MoodleCourse,
  usersByField,
} from './moodle-wire.js';

export type Role = 'STUDENT' | 'TEACHER';

/** A person of one or several courses. */
export interface MoodlePerson {
  user: EnrolledUser;
  /** What the person is, over all courses; may be both. */
  roles: Set<Role>;
}

/** Everyone enrolled anywhere, each once. */
export interface Enrolments {
  people: MoodlePerson[];
  groups: { id: number; name: string; courseId: number }[];
  memberships: { groupId: number; personId: number; role: Role }[];
  /** Courses whose people could not be read. */
  issues: RecordIssue[];
  /** Why these are not all, in a sentence. */
  gap: string | undefined;
}

/** The site itself is a course too. */
const SITE_COURSE = 1;
const USER_FIELDS = 'id,username,firstname,lastname,fullname,email,idnumber,roles,groups';
/** PHP cuts longer lists off, and says nothing. */
const USERS_A_CALL = 200;
/** Pages of a course asked for at once while there is no sign of its end. */
const PAGES_AHEAD = 2;

/** Reads courses and people of one Moodle, each once for an operation. */
export class MoodleRoster {
  readonly #client: MoodleClient;
  readonly #config: MoodleConfig;
  #courses: Promise<MoodleCourse[]> | undefined;
  #coursesGap: string | undefined;
  #enrolments: Promise<Enrolments> | undefined;

  constructor({ client, config }: { client: MoodleClient; config: MoodleConfig }) {
    this.#client = client;
    this.#config = config;
  }

  /** The courses that the filter lets through, without the site. */
  courses(): Promise<MoodleCourse[]> {
    this.#courses ??= this.#readCourses();
    return this.#courses;
  }

  /** Why those are not all courses, in a sentence; undefined before they were read, and when they are all. */
  get coursesGap(): string | undefined {
    return this.#coursesGap;
  }

  /** The people of those courses. */
  enrolments(): Promise<Enrolments> {
    this.#enrolments ??= this.#readEnrolments();
    return this.#enrolments;
  }

  /**
   * Pages of people in a role, with whether their accounts are suspended; undefined where Moodle does not
   * say.
   */
  async *people(role: Role): AsyncGenerator<{ person: MoodlePerson; suspended: boolean | undefined }[]> {
    const people = (await this.enrolments()).people.filter(({ roles }) => roles.has(role));
    const lists = Array.from({ length: Math.ceil(people.length / USERS_A_CALL) }, (_, i) =>
      people.slice(i * USERS_A_CALL, (i + 1) * USERS_A_CALL),
    );
    // All are asked for; the client sees to it that only a few are under way.
    const answers = lists.map((list) => this.#suspensions(list.map(({ user }) => user.id)));
    for (const answer of answers) answer.catch(() => {});
    for (const [i, list] of lists.entries()) {
      const suspended = await answers[i];
      yield list.map((person) => ({ person, suspended: suspended?.get(person.user.id) }));
    }
  }

  async #readCourses(): Promise<MoodleCourse[]> {
    const found = await this.#client
      .call('core_course_get_courses', {}, courses)
      .catch(async (error: unknown) => {
        // One course that the user may not enter makes the whole call fail; this one leaves such courses out.
        if (!isRefusal(error)) throw error;
        this.#coursesGap = 'Moodle lists only the courses that the user of the token may enter.';
        return (await this.#client.call('core_course_get_courses_by_field', {}, coursesByField)).courses;
      });
    const { ids, categories, hidden } = this.#config.courseFilter;
    return found.filter(({ id, format, categoryid, visible }) => {
      if (id === SITE_COURSE || format === 'site') return false;
      if (ids && !ids.includes(id)) return false;
      if (categories && !(categoryid !== undefined && categories.includes(categoryid))) return false;
      return hidden || visible !== false;
    });
  }

  async #readEnrolments(): Promise<Enrolments> {
    const people = new Map<number, MoodlePerson>();
    const groups = new Map<number, Enrolments['groups'][number]>();
    const memberships: Enrolments['memberships'] = [];
    const issues: RecordIssue[] = [];
    const take = (course: MoodleCourse, user: EnrolledUser) => {
      const roles = this.#rolesOf(user);
      const person = people.get(user.id) ?? { user, roles: new Set() };
      people.set(user.id, person);
      for (const role of roles) person.roles.add(role);
      for (const { id, name } of user.groups ?? []) {
        groups.set(id, { id, name, courseId: course.id });
        for (const role of roles) memberships.push({ groupId: id, personId: user.id, role });
      }
    };
    const read = async (course: MoodleCourse) => {
      try {
        await this.#readCourse(course, (user) => take(course, user));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        issues.push(notReadable(course, error));
      }
    };
    await Promise.all((await this.courses()).map(read));
    // The order does not depend on which call was answered first.
    const byId = (a: number, b: number) => a - b;
    return {
      people: [...people.values()].sort((a, b) => byId(a.user.id, b.user.id)),
      groups: [...groups.values()].sort((a, b) => byId(a.id, b.id)),
      memberships: memberships.sort((a, b) => byId(a.groupId, b.groupId) || byId(a.personId, b.personId)),
      issues,
      gap:
        issues.length > 0
          ? `The people of ${issues.length === 1 ? 'a course' : `${issues.length} courses`} could not be read.`
          : this.#coursesGap,
    };
  }

  /**
   * Everyone in a course. People the caller may not see are missing from pages, so that a short page or an
   * empty one proves nothing: only the second empty page in a row is taken for the end.
   */
  async #readCourse(course: MoodleCourse, take: (user: EnrolledUser) => void): Promise<void> {
    const { pageSize } = this.#config;
    const seen = new Set<number>();
    let empty = 0;
    for (let page = 0; empty < 2; ) {
      const ahead = empty > 0 ? 1 : PAGES_AHEAD;
      const pages = await Promise.all(
        Array.from({ length: ahead }, (_, i) => this.#page(course, (page + i) * pageSize)),
      );
      page += ahead;
      for (const users of pages) {
        empty = users.length === 0 ? empty + 1 : 0;
        const fresh = users.filter(({ id }) => !seen.has(id));
        if (users.length > 0 && fresh.length === 0) {
          throw new ConnectorError(
            `Moodle gives the same people of course "${course.shortname}" (${course.id}) page after page. Nothing was changed.`,
          );
        }
        for (const user of fresh) {
          seen.add(user.id);
          take(user);
        }
        if (empty >= 2) break;
      }
    }
  }

  #page(course: MoodleCourse, from: number): Promise<EnrolledUser[]> {
    const options = {
      limitfrom: from,
      limitnumber: this.#config.pageSize,
      sortby: 'id',
      userfields: USER_FIELDS,
    };
    return this.#client.call(
      'core_enrol_get_enrolled_users',
      { courseid: course.id, options: Object.entries(options).map(([name, value]) => ({ name, value })) },
      enrolledUsers,
    );
  }

  #rolesOf({ roles = [] }: EnrolledUser): Role[] {
    const { student, teacher } = this.#config.roles;
    const has = (names: readonly string[]) => roles.some(({ shortname }) => names.includes(shortname));
    return [...(has(student) ? (['STUDENT'] as const) : []), ...(has(teacher) ? (['TEACHER'] as const) : [])];
  }

  /** Of people the caller may not see nothing is said. undefined when the function may not be called. */
  async #suspensions(ids: number[]): Promise<Map<number, boolean> | undefined> {
    const users = await this.#client
      .call('core_user_get_users_by_field', { field: 'id', values: ids }, usersByField)
      .catch((error: unknown) => {
        if (isRefusal(error)) return undefined;
        throw error;
      });
    return (
      users &&
      new Map(
        users.flatMap(({ id, suspended }) => (suspended === undefined ? [] : [[id, suspended] as const])),
      )
    );
  }
}

function notReadable({ id, shortname }: MoodleCourse, error: Error): RecordIssue {
  return {
    severity: 'warning',
    rule: 'course.unreadable',
    problem: `the people of course "${shortname}" (${id}) could not be read: ${error.message}`,
    value: String(id),
    hint: 'Give the web service user access to the course, or leave it out with config.courseFilter.',
  };
}
