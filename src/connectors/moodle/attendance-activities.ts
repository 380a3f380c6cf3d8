import { z } from 'zod';
import { ConnectorError } from '../connector-error.js';
import { HttpFailure } from '../http/index.js';
import type { MoodleClient } from './moodle-client.js';
import { type MoodleMemory, nowInSeconds } from './moodle-memory.js';
import { courseContents, type MoodleSession, sessions } from './moodle-wire.js';

/** An attendance activity of a course. */
export interface Activity {
  id: number;
  name: string;
  /** 0: no groups; 1: separate groups, a session needs one; 2: visible groups, a session may have one. */
  groupMode: number;
}

const TOPIC = 'activities too long to list';
/** An activity whose sessions could not be listed is not asked for them again for so long, in seconds. */
const NOT_ASKED_AGAIN = 86_400;

/** The attendance activities of a course that the caller can see; may be none. */
export async function activitiesOf(client: MoodleClient, courseId: number): Promise<Activity[]> {
  const options = [{ name: 'modname', value: 'attendance' }];
  const sections = await client.call(
    'core_course_get_contents',
    { courseid: courseId, options },
    courseContents,
  );
  return sections
    .flatMap(({ modules }) => modules)
    .flatMap(({ modname, instance, name = 'attendance', groupmode = 0 }): Activity[] =>
      modname === 'attendance' && instance !== undefined
        ? [{ id: instance, name, groupMode: groupmode }]
        : [],
    );
}

/**
 * The sessions of an activity; undefined where they are too many. Moodle gives each of them with all students of
 * the course, and has no way to ask for some: of a large course a term of sessions exhausts its memory, each time
 * anew. So it is not asked a third time, and not again for a day.
 */
export async function listSessions(
  { client, memory }: { client: MoodleClient; memory: MoodleMemory },
  { id }: Activity,
): Promise<MoodleSession[] | undefined> {
  const key = String(id);
  const failedAt = (await memory.recall(TOPIC, z.number(), [key])).get(key);
  if (failedAt !== undefined && nowInSeconds() - failedAt < NOT_ASKED_AGAIN) return undefined;
  try {
    const listed = await client.call('mod_attendance_get_sessions', { attendanceid: id }, sessions, {
      retries: 1,
    });
    if (failedAt !== undefined) await memory.remember(TOPIC, new Map([[key, undefined]]));
    return listed;
  } catch (error) {
    if (!isTooMuch(error)) throw error;
    await memory.remember(TOPIC, new Map([[key, nowInSeconds()]]));
    return undefined;
  }
}

/** What Moodle does when it cannot put an answer together, or when that is larger than answers may be. */
function isTooMuch(error: unknown): boolean {
  return (
    error instanceof HttpFailure &&
    (error.answer?.status === 500 || error.kind === 'size' || error.kind === 'timeout')
  );
}

/** The sentence about a course without an activity. */
export function noActivity(courseId: number): ConnectorError {
  return new ConnectorError(
    `Course ${courseId} of Moodle has no attendance activity that the web service user can see. Add one.`,
  );
}
