import { ConnectorError } from '../connector-error.js';
import type { MoodleClient } from './moodle-client.js';
import { courseContents } from './moodle-wire.js';

/** An attendance activity of a course. */
export interface Activity {
  id: number;
  name: string;
  /** 0: no groups; 1: separate groups, a session needs one; 2: visible groups, a session may have one. */
  groupMode: number;
}

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

/** The sentence about a course without an activity. */
export function noActivity(courseId: number): ConnectorError {
  return new ConnectorError(
    `Course ${courseId} of Moodle has no attendance activity that the web service user can see. Add one.`,
  );
}
