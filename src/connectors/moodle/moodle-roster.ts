import { ConnectorError } from '../connector-error.js';
import type { RecordIssue } from '../external-record.js';
import { type CoursePeople, readCoursePeople } from './course-people.js';
import { coursesInDoubt } from './group-doubt.js';
import type { MoodleClient } from './moodle-client.js';
import type { MoodleConfig } from './moodle-config.js';
import { isRefusal } from './moodle-error.js';
import type { MoodleMemory } from './moodle-memory.js';
import { courses, coursesByField, type EnrolledUser, type MoodleCourse } from './moodle-wire.js';
import { Suspensions } from './suspensions.js';

export type Role = 'STUDENT' | 'TEACHER';

/** Whether something is so; undefined where Moodle does not say. */
export type Told = boolean | undefined;

/** A person of one or several courses. */
export interface MoodlePerson {
  user: EnrolledUser;
  /** What the person is, over all courses, and whether an enrolment as such is active; may be both. */
  roles: Map<Role, Told>;
}

/** A person in one role. */
export interface PersonInRole {
  person: MoodlePerson;
  /** Whether an enrolment in this role is active. */
  enrolled: Told;
  /** Whether the account is suspended; not asked of people whose enrolments are all inactive. */
  suspended: Told;
}

/** Everyone enrolled anywhere, each once. */
export interface Enrolments {
  people: MoodlePerson[];
  groups: { id: number; name: string; courseId: number }[];
  /** Of active enrolments alone. */
  memberships: { groupId: number; personId: number; role: Role }[];
  /** Courses whose people could not be read, or not all of them. */
  issues: RecordIssue[];
  /** Why these are not all people, in a sentence. */
  gap: string | undefined;
  /** Why these are not all groups and memberships, in a sentence. */
  groupsGap: string | undefined;
}

/** The site itself is a course too. */
const SITE_COURSE = 1;
/** What seeing people takes, for a sentence about those who are not seen. */
export const VIEWING =
  'Its role needs moodle/course:viewparticipants and moodle/user:viewdetails, and moodle/site:accessallgroups where courses have separate groups.';

/** Reads courses and people of one Moodle, each once for an operation. */
export class MoodleRoster {
  readonly #client: MoodleClient;
  readonly #config: MoodleConfig;
  readonly #memory: MoodleMemory;
  readonly #suspensions: Suspensions;
  #courses: Promise<MoodleCourse[]> | undefined;
  #coursesGap: string | undefined;
  #enrolments: Promise<Enrolments> | undefined;

  constructor(parts: { client: MoodleClient; config: MoodleConfig; memory: MoodleMemory }) {
    this.#client = parts.client;
    this.#config = parts.config;
    this.#memory = parts.memory;
    this.#suspensions = new Suspensions({ ...parts, hours: parts.config.suspensionHours });
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

  /** The people of those courses. Throws when not one person of any course can be read. */
  enrolments(): Promise<Enrolments> {
    this.#enrolments ??= this.#readEnrolments();
    return this.#enrolments;
  }

  /** The people in a role. Throws when there are none while Moodle keeps people back. */
  async people(role: Role): Promise<PersonInRole[]> {
    const { people, issues } = await this.enrolments();
    const ofRole = people.filter(({ roles }) => roles.has(role));
    if (ofRole.length === 0 && issues.length > 0) {
      throw new ConnectorError(
        `Not one ${role.toLowerCase()} can be read, and Moodle keeps people of ${courseCount(issues.length)} from the user of the token. ${VIEWING}`,
      );
    }
    const asked = ofRole.filter(({ roles }) => roles.get(role) !== false);
    const suspended = await this.#suspensions.of(asked.map(({ user }) => user));
    return ofRole.map((person) => ({
      person,
      enrolled: person.roles.get(role),
      suspended: suspended.get(person.user.id),
    }));
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
    const gathered = new GatheredPeople((user) => this.#rolesOf(user));
    const issues: RecordIssue[] = [];
    const shown = new Map<number, { showsGroups: boolean; isEmpty: boolean }>();
    const options = {
      client: this.#client,
      pageSize: this.#config.pageSize,
      tellsActive: this.#config.inactiveEnrolments === 'deactivate',
    };
    const read = async (course: MoodleCourse) => {
      try {
        const found = await readCoursePeople(course, options);
        gathered.add(course, found.people);
        const showsGroups = found.people.some(({ user }) => (user.groups ?? []).length > 0);
        shown.set(course.id, { showsGroups, isEmpty: found.people.length === 0 });
        if (found.isPartial) issues.push(notWhole(course));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        issues.push(notReadable(course, error));
      }
    };
    const list = await this.courses();
    await Promise.all(list.map(read));
    if (list.length > 0 && gathered.size === 0) throw nobodyReadable(list.length, issues);
    const doubted = await coursesInDoubt(this.#memory, shown);
    const emptied = doubted.filter((id) => shown.get(id)?.isEmpty);
    return {
      ...gathered.inOrder(),
      issues: issues.sort((a, b) => Number(a.value) - Number(b.value)),
      gap: peopleGap(issues.length + emptied.length) ?? this.#coursesGap,
      groupsGap: gathered.showsGroups ? groupsGap(doubted) : NO_GROUPS,
    };
  }

  #rolesOf({ roles = [] }: EnrolledUser): Role[] {
    const { student, teacher } = this.#config.roles;
    const has = (names: readonly string[]) => roles.some(({ shortname }) => names.includes(shortname));
    return [...(has(student) ? (['STUDENT'] as const) : []), ...(has(teacher) ? (['TEACHER'] as const) : [])];
  }
}

/** What the lists of all courses say, put together. */
class GatheredPeople {
  readonly #people = new Map<number, MoodlePerson>();
  readonly #groups = new Map<number, Enrolments['groups'][number]>();
  readonly #memberships: Enrolments['memberships'] = [];

  constructor(private readonly rolesOf: (user: EnrolledUser) => Role[]) {}

  get size(): number {
    return this.#people.size;
  }

  get showsGroups(): boolean {
    return this.#groups.size > 0;
  }

  add(course: MoodleCourse, people: CoursePeople['people']): void {
    for (const { user, active } of people) {
      const person = this.#people.get(user.id) ?? { user, roles: new Map<Role, Told>() };
      this.#people.set(user.id, person);
      const roles = this.rolesOf(user);
      for (const role of roles) {
        const before = person.roles.get(role);
        // One active enrolment is enough, and one of which nobody knows may be active.
        person.roles.set(role, person.roles.has(role) ? either(before, active) : active);
      }
      for (const { id, name } of user.groups ?? []) {
        this.#groups.set(id, { id, name, courseId: course.id });
        if (active === false) continue;
        for (const role of roles) this.#memberships.push({ groupId: id, personId: user.id, role });
      }
    }
  }

  /** The order does not depend on which call was answered first. */
  inOrder(): Pick<Enrolments, 'people' | 'groups' | 'memberships'> {
    return {
      people: [...this.#people.values()].sort((a, b) => a.user.id - b.user.id),
      groups: [...this.#groups.values()].sort((a, b) => a.id - b.id),
      memberships: this.#memberships.sort((a, b) => a.groupId - b.groupId || a.personId - b.personId),
    };
  }
}

function either(a: Told, b: Told): Told {
  if (a || b) return true;
  return a === undefined || b === undefined ? undefined : false;
}

const NO_GROUPS =
  'Moodle shows no group of anybody: either there are none, or the role lacks moodle/site:accessallgroups.';

function groupsGap(doubted: readonly number[]): string | undefined {
  if (doubted.length === 0) return undefined;
  return `${courseCount(doubted.length)} showed groups before and show none now (${doubted.slice(0, 5).join(', ')}): the role may lack moodle/site:accessallgroups there.`;
}

function peopleGap(count: number): string | undefined {
  return count === 0
    ? undefined
    : `The people of ${courseCount(count)} could not be read, or not all of them.`;
}

export function courseCount(count: number): string {
  return count === 1 ? 'a course' : `${count} courses`;
}

function nobodyReadable(count: number, issues: readonly RecordIssue[]): ConnectorError {
  const refused = issues.filter(({ rule }) => rule === UNREADABLE);
  const [first] = refused;
  if (first && refused.length === count)
    return new ConnectorError(`Moodle gives no list of participants: ${first.problem} ${VIEWING}`);
  return new ConnectorError(
    `Not one person of ${courseCount(count)} of Moodle can be read. If anybody is enrolled there, the user of the token may not see them. ${VIEWING}`,
  );
}

const UNREADABLE = 'course.unreadable';

function notReadable({ id, shortname }: MoodleCourse, error: Error): RecordIssue {
  return {
    severity: 'warning',
    rule: UNREADABLE,
    problem: `the people of course "${shortname}" (${id}) could not be read: ${error.message}`,
    value: String(id),
    hint: 'Give the web service user access to the course, or leave it out with config.courseFilter.',
  };
}

function notWhole({ id, shortname }: MoodleCourse): RecordIssue {
  return {
    severity: 'warning',
    rule: 'course.partial',
    problem: `Moodle leaves people out of course "${shortname}" (${id}) whom the user of the token may not see, or they changed while they were read`,
    value: String(id),
    hint: VIEWING,
  };
}
