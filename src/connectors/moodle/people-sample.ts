import { ConnectorError } from '../connector-error.js';
import { askEnrolled, standsBehind } from './course-people.js';
import type { MoodleClient } from './moodle-client.js';
import { isRefusal } from './moodle-error.js';
import type { EnrolledUser, MoodleCourse } from './moodle-wire.js';
import { courseCount, VIEWING } from './unreadable-courses.js';

/** People of one course, as a connection test shows things on them: never on the token's own user alone. */
export interface PeopleSample {
  course: MoodleCourse;
  /** Somebody at least, and not the user of the token. */
  others: EnrolledUser[];
  /** Whether Moodle leaves people out of this course's list whom the caller may not see. */
  isPartial: boolean;
}

/** Courses that are looked through for somebody, and in which groups are looked for. */
const MOST_COURSES = 50;
const COURSES_WITH_GROUPS = 5;
const PEOPLE = 50;

/**
 * Takes a sample, of a course with groups where one of the first few has some. Throws, as a sync would, when
 * nobody can be read.
 */
export async function samplePeople(
  client: MoodleClient,
  courses: readonly MoodleCourse[],
  ownId: number,
): Promise<PeopleSample> {
  const probed = courses.slice(0, MOST_COURSES);
  const refusals: Error[] = [];
  let sample: PeopleSample | undefined;
  for (const [index, course] of probed.entries()) {
    if (sample && index >= COURSES_WITH_GROUPS) break;
    const found = await sampleOf(client, course, ownId).catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      refusals.push(error);
      return undefined;
    });
    if (!found || found.others.length === 0) continue;
    const hasGroups = found.others.some(({ groups }) => (groups ?? []).length > 0);
    if (hasGroups || !sample) sample = found;
    if (hasGroups) break;
  }
  if (sample) return sample;
  const [first] = refusals;
  if (first && refusals.length === probed.length)
    throw new ConnectorError(`Moodle gives no list of participants: ${first.message} ${VIEWING}`);
  throw new ConnectorError(
    `Not one person of ${courseCount(probed.length)} of Moodle can be read, but perhaps the user of the token. If anybody is enrolled there, that user may not see them. ${VIEWING}`,
  );
}

async function sampleOf(client: MoodleClient, course: MoodleCourse, ownId: number): Promise<PeopleSample> {
  const users = await askEnrolled(client, course, {
    limitnumber: PEOPLE,
    sortby: 'id',
    userfields: 'id,email,idnumber,roles,groups',
  });
  const isPartial = users.length < PEOPLE && (await standsBehind(client, course, users.length));
  return { course, others: users.filter(({ id }) => id !== ownId), isPartial };
}

/** Whether active enrolments are told from others, and somebody else than `ownId` is among them. */
export async function seesActive(
  client: MoodleClient,
  course: MoodleCourse,
  ownId: number,
): Promise<boolean> {
  const active = await askEnrolled(client, course, { onlyactive: 1, limitnumber: PEOPLE, userfields: 'id' });
  return active.some(({ id }) => id !== ownId);
}
