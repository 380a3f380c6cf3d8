import { ConnectorError } from '../connector-error.js';
import { type Activity, activitiesOf } from './attendance-activities.js';
import type { MoodleClient } from './moodle-client.js';
import type { MoodleConfig } from './moodle-config.js';
import { isRefusal } from './moodle-error.js';
import type { MoodleMemory } from './moodle-memory.js';
import { readSession, rememberedSessions } from './moodle-session.js';
import type { MoodleCourse, SessionDetails } from './moodle-wire.js';
import { listSessions } from './session-list.js';
import { SessionStatuses } from './session-statuses.js';

/** An activity that was looked at. */
interface Seen {
  course: MoodleCourse;
  activity: Activity;
  /** How many sessions it has; undefined where they are too many for Moodle to list. */
  count: number | undefined;
  /** One of its sessions, which has its statuses; undefined where none is known. */
  session: SessionDetails | undefined;
}

/** Courses looked at for attendance activities, and activities looked at. */
const MOST = 5;

/** What a connection test shows about attendance. What is not so, or could not be shown, is thrown. */
export class AttendanceProbes {
  readonly #client: MoodleClient;
  readonly #config: MoodleConfig;
  readonly #memory: MoodleMemory;
  readonly #courses: () => Promise<readonly MoodleCourse[]>;
  #seen: Promise<Seen[]> | undefined;

  constructor(
    parts: { client: MoodleClient; config: MoodleConfig; memory: MoodleMemory },
    courses: () => Promise<readonly MoodleCourse[]>,
  ) {
    this.#client = parts.client;
    this.#config = parts.config;
    this.#memory = parts.memory;
    this.#courses = courses;
  }

  async activities(): Promise<string> {
    const [first] = await this.#looked();
    if (!first)
      throw new ConnectorError(
        'None of the first courses has an attendance activity that the token can see.',
      );
    const { course, count } = first;
    return count === undefined
      ? `The attendance activity of course ${course.id} can be read; its sessions are too many for Moodle to list, so that sessions are known by their ids, or found on their day among those of their teacher.`
      : `The attendance activity of course ${course.id} can be read; it has ${count} sessions.`;
  }

  /** Which acronyms stand for which of our statuses, by activity. */
  async statuses(): Promise<string> {
    const summaries = (await this.#looked()).flatMap(({ course, activity, session }) => {
      if (!session) return [];
      const { text, isComplete } = new SessionStatuses(session, this.#config.statusAcronyms).summary();
      return [{ text: `"${activity.name}" of course ${course.id}: ${text}`, isComplete }];
    });
    if (summaries.length === 0)
      throw new ConnectorError(
        'This could not be shown: no session of an attendance activity is known, and only sessions tell the statuses.',
      );
    const all = summaries.map(({ text }) => text).join('. ');
    if (summaries.every(({ isComplete }) => isComplete)) return `${all}.`;
    throw new ConnectorError(`${all}. Add the missing acronyms to config.statusAcronyms.`);
  }

  #looked(): Promise<Seen[]> {
    this.#seen ??= this.#look();
    return this.#seen;
  }

  async #look(): Promise<Seen[]> {
    const seen: Seen[] = [];
    for (const course of (await this.#courses()).slice(0, MOST)) {
      for (const activity of await this.#activitiesOf(course)) {
        if (seen.length === MOST) return seen;
        const listed = await listSessions({ client: this.#client, memory: this.#memory }, activity);
        const id = listed ? listed.at(-1)?.id : await this.#anyOf(course);
        const session = id === undefined ? undefined : await readSession(this.#client, id);
        seen.push({ course, activity, count: listed?.length, session });
        // Each such list takes Moodle many seconds.
        if (!listed) return seen;
      }
    }
    return seen;
  }

  /** None of a course that may not be entered: the next one will do. */
  async #activitiesOf({ id }: MoodleCourse): Promise<Activity[]> {
    return activitiesOf(this.#client, id).catch((error: unknown) => {
      if (isRefusal(error) && error.errorcode !== 'accessexception') return [];
      throw error;
    });
  }

  async #anyOf({ id }: MoodleCourse): Promise<number | undefined> {
    const known = await rememberedSessions(this.#memory);
    return [...known.values()].find(({ course }) => course === id)?.id;
  }
}
