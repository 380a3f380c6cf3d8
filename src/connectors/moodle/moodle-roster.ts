import { ConnectorError } from '../connector-error.js';
import type { RecordIssue } from '../external-record.js';
import { readCoursePeople } from './course-people.js';
import { type Gathered, GatheredPeople, type MoodlePerson, type Role, type Told } from './gathered-people.js';
import { coursesInDoubt, emptiedCourses } from './group-doubt.js';
import type { MoodleClient } from './moodle-client.js';
import type { MoodleConfig } from './moodle-config.js';
import { isRefusal } from './moodle-error.js';
import type { MoodleMemory } from './moodle-memory.js';
import { courses, coursesByField, type EnrolledUser, type MoodleCourse } from './moodle-wire.js';
import { Suspensions } from './suspensions.js';
import {
  courseCount,
  emptiedGap,
  groupsGap,
  NO_GROUPS,
  nobodyReadable,
  notReadable,
  notWhole,
  peopleGap,
  VIEWING,
} from './unreadable-courses.js';

/** A person in one role. */
export interface PersonInRole {
  person: MoodlePerson;
  /** Whether an enrolment in this role is active. */
  enrolled: Told;
  /** Whether the account is suspended; not asked of people whose enrolments are all inactive. */
  suspended: Told;
}

/** All that the lists of people say. */
export interface Enrolments extends Gathered {
  /** Courses whose people could not be read, or not all of them. */
  issues: RecordIssue[];
  /** Why these are not all people, in a sentence. */
  gap: string | undefined;
  /** Why these are not all groups and memberships, in a sentence. */
  groupsGap: string | undefined;
}

/** The site itself is a course too. */
const SITE_COURSE = 1;
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
    return this.withSuspensions(ofRole, role);
  }

  /** People who have a role, with what is to be known of them. */
  async withSuspensions(people: readonly MoodlePerson[], role: Role): Promise<PersonInRole[]> {
    const asked = people.filter(({ roles }) => roles.get(role) !== false);
    const suspended = await this.#suspensions.of(asked.map(({ user }) => user));
    return people.map((person) => ({
      person,
      enrolled: person.roles.get(role),
      suspended: suspended.get(person.user.id),
    }));
  }

  /** Whether the filter lets a course through; never the site. */
  counts({ id, format, categoryid, visible }: MoodleCourse): boolean {
    const { ids, categories, hidden } = this.#config.courseFilter;
    if (id === SITE_COURSE || format === 'site') return false;
    if (ids && !ids.includes(id)) return false;
    if (categories && !(categoryid !== undefined && categories.includes(categoryid))) return false;
    return hidden || visible !== false;
  }

  /** What somebody of a course is there. */
  rolesOf({ roles = [] }: EnrolledUser): Role[] {
    const { student, teacher } = this.#config.roles;
    const has = (names: readonly string[]) => roles.some(({ shortname }) => names.includes(shortname));
    return [...(has(student) ? (['STUDENT'] as const) : []), ...(has(teacher) ? (['TEACHER'] as const) : [])];
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
    return found.filter((course) => this.counts(course));
  }

  async #readEnrolments(): Promise<Enrolments> {
    const gathered = new GatheredPeople((user) => this.rolesOf(user));
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
    const emptied = await emptiedCourses(this.#memory, shown);
    return {
      ...gathered.inOrder(),
      issues: issues.sort((a, b) => Number(a.value) - Number(b.value)),
      gap: peopleGap(issues.length) ?? emptiedGap(emptied) ?? this.#coursesGap,
      groupsGap: gathered.showsGroups ? groupsGap(doubted) : NO_GROUPS,
    };
  }
}
