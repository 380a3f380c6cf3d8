import type { RecordIssue } from '../external-record.js';
import type { Role } from './gathered-people.js';
import type { PersonInRole } from './moodle-roster.js';

/** Names that a sentence about people holds at most. */
const NAMED = 3;

/** What is worth a word about the people in a role: what nobody knows of them, and ID numbers that came twice. */
export function notesOn(people: readonly PersonInRole[], role: Role): RecordIssue[] {
  const notes: RecordIssue[] = [];
  const untold = people.filter(({ enrolled, suspended }) => enrolled !== false && suspended === undefined);
  if (untold.length > 0) {
    notes.push({
      severity: 'warning',
      rule: 'suspension.unknown',
      problem: `Moodle does not say of ${count(untold.length, role)} whether the account is suspended; who was active or inactive stays so`,
      hint: 'Add core_user_get_users_by_field to the web service, and moodle/user:viewdetails to the role.',
    });
  }
  const unenrolled = people.filter(({ enrolled }) => enrolled === undefined);
  if (unenrolled.length > 0) {
    notes.push({
      severity: 'warning',
      rule: 'enrolment.unknown',
      problem: `Moodle does not say of ${count(unenrolled.length, role)} whether the enrolment is active; who was active or inactive stays so`,
      hint: 'Add moodle/course:enrolreview to the role, or set config.inactiveEnrolments to keep.',
    });
  }
  return [...notes, ...repeatedIdNumbers(people, role)];
}

function repeatedIdNumbers(people: readonly PersonInRole[], role: Role): RecordIssue[] {
  const byNumber = new Map<string, PersonInRole['person'][]>();
  for (const { person } of people) {
    const number = person.user.idnumber?.trim();
    if (!number) continue;
    const same = byNumber.get(number) ?? [];
    byNumber.set(number, same);
    same.push(person);
  }
  return [...byNumber].flatMap(([number, same]): RecordIssue[] => {
    if (same.length === 1) return [];
    const named = same
      .slice(0, NAMED)
      .map(({ user }) => `${user.fullname ?? user.username ?? ''} (${user.id})`);
    const others = same.length > NAMED ? ` and ${same.length - NAMED} more` : '';
    return [
      {
        severity: 'warning',
        rule: 'idnumber.duplicate',
        problem: `ID number "${number}" is that of ${count(same.length, role)}: ${named.join(', ')}${others}`,
        column: 'idnumber',
        value: number,
        hint: 'Give each account of Moodle its own ID number, or merge the accounts of one person.',
      },
    ];
  });
}

function count(number: number, role: Role): string {
  return `${number} ${role.toLowerCase()}${number === 1 ? '' : 's'}`;
}
