import type { OneEntity } from '../roster-connector.js';
import { askEnrolled, readCoursePeople } from './course-people.js';
import { type CoursePerson, GatheredPeople, type Role } from './gathered-people.js';
import type { MoodleClient } from './moodle-client.js';
import type { MoodleConfig } from './moodle-config.js';
import { isMissing, isNobody, isRefusal, isUnavailable } from './moodle-error.js';
import { toCourse, toMembership, toPerson } from './moodle-records.js';
import type { MoodleRoster } from './moodle-roster.js';
import { coursesByField, type MoodleCourse, usersCourses } from './moodle-wire.js';

const NUMBER = /^[1-9]\d{0,15}$/;

/** Reads single courses and people of a Moodle; see `RosterConnector.one`. */
export class MoodleSingles {
  readonly #client: MoodleClient;
  readonly #config: MoodleConfig;
  readonly #roster: MoodleRoster;
  /** People of courses that were read for one person already, and may be those of another. */
  readonly #people = new Map<number, Promise<CoursePerson[] | undefined>>();

  constructor(parts: { client: MoodleClient; config: MoodleConfig; roster: MoodleRoster }) {
    this.#client = parts.client;
    this.#config = parts.config;
    this.#roster = parts.roster;
  }

  async course(id: string): Promise<OneEntity | null | undefined> {
    if (!NUMBER.test(id)) return null;
    const [found] = await this.#coursesBy('id', id);
    // One that the filter keeps out is not in the list either.
    if (found) return this.#roster.counts(found) ? { record: toCourse(found) } : null;
    return (await this.#isDeleted(Number(id))) ? null : undefined;
  }

  /**
   * Somebody with a role in a course whose enrolment is active. Of anybody else only the lists of all courses tell:
   * Moodle shows neither whom it deleted, nor whom the user of the token may not see.
   */
  async person(role: Role, id: string): Promise<OneEntity | null | undefined> {
    if (!NUMBER.test(id)) return null;
    const userId = Number(id);
    const taken = await this.#coursesOf(userId);
    if (taken.length === 0) return undefined;
    const courses = (await this.#coursesBy('ids', taken.join(','))).filter((course) =>
      this.#roster.counts(course),
    );
    const gathered = new GatheredPeople((user) => this.#roster.rolesOf(user));
    for (const course of courses) {
      const people = await this.#peopleOf(course);
      gathered.add(
        course,
        (people ?? []).filter(({ user }) => user.id === userId),
      );
    }
    const { people, memberships } = gathered.inOrder();
    const [person] = people;
    if (!person?.roles.has(role)) return undefined;
    const [record] = await this.#roster.withSuspensions([person], role);
    if (!record) return undefined;
    return {
      record: toPerson(record),
      memberships: memberships.filter((one) => one.role === role).map(toMembership),
    };
  }

  /** The courses in which somebody is enrolled, and the user of the token may see that. */
  async #coursesOf(userid: number): Promise<number[]> {
    const found = await this.#client
      .call('core_enrol_get_users_courses', { userid }, usersCourses)
      .catch((error: unknown) => {
        // The function is not in the service, or there is nobody of this id.
        if (isUnavailable(error) || isNobody(error)) return [];
        throw error;
      });
    return found.map(({ id }) => id);
  }

  async #coursesBy(field: 'id' | 'ids', value: string): Promise<MoodleCourse[]> {
    return (await this.#client.call('core_course_get_courses_by_field', { field, value }, coursesByField))
      .courses;
  }

  /** Undefined of a course whose people cannot be read. */
  #peopleOf(course: MoodleCourse): Promise<CoursePerson[] | undefined> {
    const known = this.#people.get(course.id);
    if (known) return known;
    const options = {
      client: this.#client,
      pageSize: this.#config.pageSize,
      tellsActive: this.#config.inactiveEnrolments === 'deactivate',
    };
    const reading = readCoursePeople(course, options).then(
      ({ people }) => people,
      (error: unknown) => {
        if (isRefusal(error)) return undefined;
        throw error;
      },
    );
    this.#people.set(course.id, reading);
    return reading;
  }

  /** Of a course that is not shown: whether there is none, rather than one that the user may not see. */
  async #isDeleted(id: number): Promise<boolean> {
    const asked = askEnrolled(
      this.#client,
      { id, shortname: '', fullname: '' },
      { limitnumber: 1, userfields: 'id' },
    );
    return asked.then(
      () => false,
      (error: unknown) => {
        if (isMissing(error)) return true;
        if (isRefusal(error)) return false;
        throw error;
      },
    );
  }
}
