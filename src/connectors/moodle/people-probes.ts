import { ConnectorError } from '../connector-error.js';
import type { MoodleClient } from './moodle-client.js';
import type { MoodleConfig } from './moodle-config.js';
import { isUnavailable } from './moodle-error.js';
import { type MoodleCourse, usersByField } from './moodle-wire.js';
import { type PeopleSample, samplePeople, seesActive } from './people-sample.js';
import { VIEWING } from './unreadable-courses.js';

/**
 * What a connection test shows about people, each on somebody else than the token's own user, about whom Moodle
 * tells everything. What it finds is a sentence; what is not so, or could not be shown, is thrown as one.
 */
export class PeopleProbes {
  readonly #client: MoodleClient;
  readonly #config: MoodleConfig;
  readonly #ownId: number;
  readonly #courses: () => Promise<readonly MoodleCourse[]>;
  #sample: Promise<PeopleSample> | undefined;

  constructor(
    parts: { client: MoodleClient; config: MoodleConfig; ownId: number },
    courses: () => Promise<readonly MoodleCourse[]>,
  ) {
    this.#client = parts.client;
    this.#config = parts.config;
    this.#ownId = parts.ownId;
    this.#courses = courses;
  }

  async people(): Promise<string> {
    const { course, others, isPartial } = await this.#taken();
    const { student } = this.#config.roles;
    const hasStudent = others.some(({ roles = [] }) =>
      roles.some(({ shortname }) => student.includes(shortname)),
    );
    if (isPartial && !hasStudent)
      throw new ConnectorError(
        `No student of course ${course.id} is shown, and people are left out. ${VIEWING}`,
      );
    const hints = [
      ...(isPartial ? [`people are left out of the list: ${VIEWING.replace(/\.$/, '')}`] : []),
      ...(others.some(({ email, idnumber }) => email || idnumber) ? [] : [UNIDENTIFIED]),
    ];
    return `People of course ${course.id} can be read${hints.map((hint) => `; ${hint}`).join('')}.`;
  }

  async suspension(): Promise<string> {
    const { others } = await this.#shown();
    const [somebody] = others;
    const values = others.slice(0, 5).map(({ id }) => id);
    const users = await this.#client.call(
      'core_user_get_users_by_field',
      { field: 'id', values },
      usersByField,
    );
    if (users.some(({ suspended }) => suspended !== undefined))
      return `Suspended accounts can be told; user ${somebody?.id} was asked about.`;
    throw new ConnectorError(
      'Moodle does not say which accounts are suspended: the role needs moodle/user:viewdetails. Who is active or inactive stays so.',
    );
  }

  async enrolments(): Promise<string> {
    const { course } = await this.#shown();
    const shown = await seesActive(this.#client, course, this.#ownId).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
      throw new ConnectorError(
        'Moodle does not say which enrolments are suspended or over: the role needs moodle/course:enrolreview, or set config.inactiveEnrolments to keep. Who is active or inactive stays so.',
      );
    });
    if (shown) return `Active enrolments of course ${course.id} can be told from others.`;
    throw new ConnectorError(`${NOT_SHOWN} course ${course.id} has no active enrolment of anybody else.`);
  }

  async groups(): Promise<string> {
    const { course, others } = await this.#shown();
    const names = others.flatMap(({ groups = [] }) => groups.map(({ name }) => name));
    if (names.length > 0) return `Groups of course ${course.id} are shown.`;
    throw new ConnectorError(
      `${NOT_SHOWN} nobody who was looked at is in a group. If courses have groups, the role lacks moodle/site:accessallgroups.`,
    );
  }

  #taken(): Promise<PeopleSample> {
    this.#sample ??= this.#courses().then((courses) => samplePeople(this.#client, courses, this.#ownId));
    return this.#sample;
  }

  /** The sample, or that there is nobody to show anything on. */
  async #shown(): Promise<PeopleSample> {
    return this.#taken().catch((error: unknown) => {
      if (!(error instanceof ConnectorError)) throw error;
      throw new ConnectorError(`${NOT_SHOWN} there is nobody to look at but the token's own user.`);
    });
  }
}

const NOT_SHOWN = 'This could not be shown:';
const UNIDENTIFIED =
  'their e-mail and ID number are not shown: the role needs moodle/site:viewuseridentity, and the site setting showuseridentity must name email and idnumber';
