import { ConnectorError } from '../connector-error.js';
import type { MoodleClient } from './moodle-client.js';
import { isRefusal } from './moodle-error.js';
import { type EnrolledUser, enrolledUsers, type MoodleCourse } from './moodle-wire.js';

/** Somebody's place in one course. */
export interface CoursePerson {
  user: EnrolledUser;
  /** Whether the enrolment is neither suspended nor over; undefined where Moodle does not say. */
  active: boolean | undefined;
}

/** The people of a course. */
export interface CoursePeople {
  /** Everybody whom the caller may see, each once. */
  people: CoursePerson[];
  /** Whether Moodle left people out whom the caller may not see, or the list changed while it was read. */
  isPartial: boolean;
}

export interface CourseReadingOptions {
  client: MoodleClient;
  pageSize: number;
  /** Whether active enrolments are told from others; where not, all count as active. */
  tellsActive: boolean;
}

type Options = Record<string, string | number>;

const USER_FIELDS = 'id,username,firstname,lastname,fullname,email,idnumber,roles,groups';
/** Pages asked for at once while there is no sign of the end. */
const PAGES_AHEAD = 2;
/** So few people may be those whom one sees without any right. */
const FEW = 10;
/** No course has so many; a list that goes on beyond them has no end. */
const MOST_PEOPLE = 250_000;
/** Pages in a row that may hold nobody but people who may not be seen. */
const MOST_EMPTY_PAGES = 1_000;

/**
 * Reads the people of a course. Moodle drops those whom the caller may not see from a page after it was cut, so
 * that a short page, or an empty one, proves nothing. What proves it is `standsBehind`.
 */
export async function readCoursePeople(
  course: MoodleCourse,
  options: CourseReadingOptions,
): Promise<CoursePeople> {
  const people = new Map<number, CoursePerson>();
  const list = (filter: Options, active: boolean | undefined) =>
    new PagedPeople(course, options, filter, (user) => people.set(user.id, { user, active }));
  const { list: first, told } = await firstList(list, options.tellsActive);
  const lists = [first];
  let isPartial = !(await isWhole(course, options, people, first));
  if (isPartial && told) {
    const inactive = list({ onlysuspended: 1 }, false);
    await inactive.readToShortPage();
    lists.push(inactive);
    if (inactive.count > 0) isPartial = !(await isWhole(course, options, people, first, inactive));
  }
  if (isPartial) for (const each of lists) await each.readToEnd();
  return { people: [...people.values()], isPartial };
}

/**
 * Active enrolments where the caller may tell them from others, else all. Most courses have nobody else, so
 * that they need no second list.
 */
async function firstList(
  list: (filter: Options, active: boolean | undefined) => PagedPeople,
  tellsActive: boolean,
): Promise<{ list: PagedPeople; told: boolean }> {
  if (tellsActive) {
    const active = list({ onlyactive: 1 }, true);
    try {
      await active.readToShortPage();
      return { list: active, told: true };
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }
  const all = list({}, tellsActive ? undefined : true);
  await all.readToShortPage();
  return { list: all, told: false };
}

async function isWhole(
  course: MoodleCourse,
  { client }: CourseReadingOptions,
  people: ReadonlyMap<number, unknown>,
  ...lists: readonly PagedPeople[]
): Promise<boolean> {
  if (await standsBehind(client, course, people.size)) return false;
  // Of several pages, one can have lost somebody to the one before when a third left in between.
  if (lists.every(({ pages }) => pages === 1)) return true;
  const all = await askEnrolled(client, course, { userfields: 'id', sortby: 'id' });
  return all.every(({ id }) => people.has(id));
}

/**
 * Whether anybody stands behind the first `count` people of a course, in the reverse order of their ids. When that
 * many were read and nobody does, all were read, and nobody was dropped who has a higher id than somebody shown.
 * Where only few were read they may be those whom one sees without any right, as oneself and teachers, whatever
 * their ids: then the other order is looked at too.
 */
export async function standsBehind(
  client: MoodleClient,
  course: MoodleCourse,
  count: number,
): Promise<boolean> {
  for (const sortdirection of count > 0 && count < FEW ? ['DESC', 'ASC'] : ['DESC']) {
    const options = { userfields: 'id', sortby: 'id', sortdirection, limitfrom: count };
    if ((await askEnrolled(client, course, options)).length > 0) return true;
  }
  return false;
}

/** One list of people of a course, page by page in the order of their ids. */
class PagedPeople {
  readonly #seen = new Set<number>();
  #next = 0;
  /** Rows of people who were there already. */
  #repeated = 0;
  pages = 0;

  constructor(
    private readonly course: MoodleCourse,
    private readonly options: CourseReadingOptions,
    private readonly filter: Options,
    private readonly take: (user: EnrolledUser) => void,
  ) {}

  /** How many were read. */
  get count(): number {
    return this.#seen.size;
  }

  async readToShortPage(): Promise<void> {
    let last = await this.#read(1);
    while (last >= this.options.pageSize) last = await this.#read(PAGES_AHEAD);
  }

  /** Goes on past short and empty pages, until nobody is left whom the caller may see. */
  async readToEnd(): Promise<void> {
    let empty = 0;
    while (await this.#hasMore()) {
      empty = (await this.#read(1)) === 0 ? empty + 1 : 0;
      if (empty > MOST_EMPTY_PAGES) throw this.#nonsense('people who are on none of its pages');
    }
  }

  async #hasMore(): Promise<boolean> {
    const { client } = this.options;
    const rest = { ...this.filter, userfields: 'id', sortby: 'id', limitfrom: this.#next };
    return (await askEnrolled(client, this.course, rest)).some(({ id }) => !this.#seen.has(id));
  }

  /** The size of the last of the pages it reads. */
  async #read(count: number): Promise<number> {
    const { client, pageSize } = this.options;
    if (this.#next > MOST_PEOPLE)
      throw this.#nonsense(`more than ${MOST_PEOPLE.toLocaleString('en')} people, page after page`);
    const pages = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        askEnrolled(client, this.course, {
          ...this.filter,
          limitfrom: this.#next + i * pageSize,
          limitnumber: pageSize,
          sortby: 'id',
          userfields: USER_FIELDS,
        }),
      ),
    );
    this.#next += count * pageSize;
    this.pages += count;
    for (const users of pages) {
      const fresh = users.filter(({ id }) => !this.#seen.has(id));
      this.#repeated += users.length - fresh.length;
      const isStuck = users.length > 0 && fresh.length === 0;
      // Who joins meanwhile pushes somebody onto the next page; so many as were read do not.
      if (isStuck || this.#repeated > this.count + pageSize)
        throw this.#nonsense('the same people page after page');
      for (const user of fresh) {
        this.#seen.add(user.id);
        this.take(user);
      }
    }
    return pages.at(-1)?.length ?? 0;
  }

  #nonsense(what: string): ConnectorError {
    const { shortname, id } = this.course;
    return new ConnectorError(`Moodle gives of course "${shortname}" (${id}) ${what}. Nothing was changed.`);
  }
}

/** People of a course, by the options of core_enrol_get_enrolled_users. */
export function askEnrolled(
  client: MoodleClient,
  { id }: MoodleCourse,
  options: Options,
): Promise<EnrolledUser[]> {
  const listed = Object.entries(options).map(([name, value]) => ({ name, value }));
  return client.call('core_enrol_get_enrolled_users', { courseid: id, options: listed }, enrolledUsers);
}
