import { ConnectorError } from '../connector-error.js';
import type { RecordIssue } from '../external-record.js';
import type { MoodleCourse } from './moodle-wire.js';

/*
 * What is said of courses whose people or groups are not shown, or not all of them.
 */

/** What seeing people takes, for a sentence about those who are not seen. */
export const VIEWING =
  'Its role needs moodle/course:viewparticipants and moodle/user:viewdetails, and moodle/site:accessallgroups where courses have separate groups.';

export const NO_GROUPS =
  'Moodle shows no group of anybody: either there are none, or the role lacks moodle/site:accessallgroups.';

export function groupsGap(doubted: readonly number[]): string | undefined {
  if (doubted.length === 0) return undefined;
  return `${courseCount(doubted.length)} showed groups before and show none now (${doubted.slice(0, 5).join(', ')}): the role may lack moodle/site:accessallgroups there.`;
}

export function emptiedGap(emptied: readonly number[]): string | undefined {
  if (emptied.length === 0) return undefined;
  return `${courseCount(emptied.length)} showed people before and show nobody now (${emptied.slice(0, 5).join(', ')}): the role may lack moodle/user:viewdetails there.`;
}

export function peopleGap(count: number): string | undefined {
  return count === 0
    ? undefined
    : `The people of ${courseCount(count)} could not be read, or not all of them.`;
}

export function courseCount(count: number): string {
  return count === 1 ? 'a course' : `${count} courses`;
}

export function nobodyReadable(count: number, issues: readonly RecordIssue[]): ConnectorError {
  const refused = issues.filter(({ rule }) => rule === UNREADABLE);
  const [first] = refused;
  if (first && refused.length === count)
    return new ConnectorError(`Moodle gives no list of participants: ${first.problem} ${VIEWING}`);
  return new ConnectorError(
    `Not one person of ${courseCount(count)} of Moodle can be read. If anybody is enrolled there, the user of the token may not see them. ${VIEWING}`,
  );
}

const UNREADABLE = 'course.unreadable';

export function notReadable({ id, shortname }: MoodleCourse, error: Error): RecordIssue {
  return {
    severity: 'warning',
    rule: UNREADABLE,
    problem: `the people of course "${shortname}" (${id}) could not be read: ${error.message}`,
    value: String(id),
    hint: 'Give the web service user access to the course, or leave it out with config.courseFilter.',
  };
}

export function notWhole({ id, shortname }: MoodleCourse): RecordIssue {
  return {
    severity: 'warning',
    rule: 'course.partial',
    problem: `Moodle leaves people out of course "${shortname}" (${id}) whom the user of the token may not see, or they changed while they were read`,
    value: String(id),
    hint: VIEWING,
  };
}
