import { decodeHTML } from 'entities';
import type { CourseRecord, GroupRecord, MembershipRecord, StudentRecord } from '../external-record.js';
import type { Gathered, Told } from './gathered-people.js';
import type { PersonInRole } from './moodle-roster.js';
import type { MoodleCourse } from './moodle-wire.js';

/** Moodle's answers as records. Names of courses and groups come HTML-escaped, names of people do not. */

export function toCourse({ id, fullname, shortname, idnumber, categoryid }: MoodleCourse): CourseRecord {
  return {
    externalId: String(id),
    name: decodeHTML(fullname),
    code: decodeHTML(shortname),
    metadata: { ...(idnumber && { idnumber }), ...(categoryid !== undefined && { categoryId: categoryid }) },
  };
}

export function toGroup({ id, name, courseId }: Gathered['groups'][number]): GroupRecord {
  return { externalId: String(id), name: decodeHTML(name), courseExternalId: String(courseId) };
}

/** Students and teachers alike. */
export function toPerson({ person, enrolled, suspended }: PersonInRole): StudentRecord {
  const { id, firstname, lastname, fullname, email, idnumber, username } = person.user;
  return {
    externalId: String(id),
    // Sites may hide the parts of names from the caller; the whole is always there.
    givenName: firstname ?? fullname ?? null,
    familyName: lastname ?? null,
    email,
    code: idnumber,
    active: isActive(enrolled, suspended),
    ...(username && { metadata: { username } }),
  };
}

/** null where nobody knows. */
function isActive(enrolled: Told, suspended: Told): boolean | null {
  if (enrolled === false || suspended === true) return false;
  return enrolled === undefined || suspended === undefined ? null : true;
}

export function toMembership({ groupId, personId, role }: Gathered['memberships'][number]): MembershipRecord {
  return { groupExternalId: String(groupId), personExternalId: String(personId), role };
}
