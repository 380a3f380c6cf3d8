import type { CourseRecord, GroupRecord, StudentRecord } from '../external-record.js';
import type { AcademicSession, Course, Org, SchoolClass, User } from './oneroster-wire.js';

/**
 * What records of OneRoster refer to by sourcedId. undefined where the source does not say, or only of some:
 * what depends on it is then left as it is in the roster.
 */
export interface Names {
  orgs: ReadonlyMap<string, Org> | undefined;
  sessions: ReadonlyMap<string, AcademicSession> | undefined;
}

/** 1.0 says inactive where later versions say tobedeleted. */
export function isDeleted(status: Text): boolean {
  return ['tobedeleted', 'inactive'].includes(status?.trim().toLowerCase() ?? '');
}

type Text = string | null | undefined;

/** Where `today` (YYYY-MM-DD) lies to a first and a last day, which both count. Other dates are no limit. */
export function timeOf(
  { beginDate, endDate }: { beginDate?: Text; endDate?: Text },
  today: string,
): 'before' | 'within' | 'after' {
  const day = (text: Text) => /^\d{4}-\d{2}-\d{2}/.exec(text?.trim() ?? '')?.[0];
  if (today > (day(endDate) ?? today)) return 'after';
  return today < (day(beginDate) ?? today) ? 'before' : 'within';
}

/** Students and teachers alike. `role`: as what they are read. */
export function toPerson(
  user: User,
  role: 'student' | 'teacher',
  { nationalIdTypes, today, names }: { nationalIdTypes: readonly string[]; today: string; names: Names },
): StudentRecord {
  const { sourcedId, status, enabledUser, givenName, middleName, familyName, email, identifier } = user;
  // In 1.2 somebody is a student for as long as one of these roles lasts; in 1.1 there are no dates.
  const roles = user.roles?.filter((each) => each.role?.trim().toLowerCase() === role) ?? [];
  const isInRole =
    roles.length === 0 || roles.some((each) => !isDeleted(each.status) && timeOf(each, today) === 'within');
  const schools = [...(user.orgs ?? []), ...roles.map(({ org }) => org)].map((org) => org?.sourcedId);
  return {
    externalId: sourcedId,
    active: !isDeleted(status) && enabledUser !== false && isInRole,
    givenName: [givenName, middleName].filter(Boolean).join(' ') || givenName,
    familyName,
    email,
    code: identifier,
    nationalId: nationalIdOf(user, nationalIdTypes),
    metadata:
      names.orgs &&
      some({
        username: user.username,
        grades: user.grades,
        schools: titles(names.orgs, schools, 'name'),
      }),
    line: user.line,
  };
}

export function toCourse(course: Course, names: Names): CourseRecord {
  return {
    externalId: course.sourcedId,
    active: !isDeleted(course.status),
    name: course.title,
    code: course.courseCode,
    grade: course.grades?.join(', '),
    academicTerm: termOf(names, [course.schoolYear]),
    metadata:
      names.orgs &&
      some({
        subjects: course.subjects,
        school: titles(names.orgs, [course.org?.sourcedId], 'name')?.[0],
      }),
    line: course.line,
  };
}

export function toGroup(group: SchoolClass, names: Names): GroupRecord {
  return {
    externalId: group.sourcedId,
    active: !isDeleted(group.status),
    name: group.title,
    code: group.classCode,
    courseExternalId: group.course?.sourcedId,
    academicTerm: termOf(names, group.terms),
    metadata:
      names.orgs &&
      some({
        classType: group.classType,
        location: group.location,
        grades: group.grades,
        subjects: group.subjects,
        periods: group.periods,
        school: titles(names.orgs, [group.school?.sourcedId], 'name')?.[0],
      }),
    line: group.line,
  };
}

/** The sourcedIds of sessions that a record names and that there are not. */
export function unknownTerms(
  names: Names,
  references: readonly ({ sourcedId?: Text } | null | undefined)[],
): string[] {
  const { sessions } = names;
  if (!sessions) return [];
  return references.flatMap((each) =>
    each?.sourcedId && !sessions.has(each.sourcedId) ? [each.sourcedId] : [],
  );
}

/** The first of these types that the user has an id of; undefined where the source has none of them. */
function nationalIdOf({ userIds }: User, types: readonly string[]): Text {
  const fold = (type: Text) => type?.toLowerCase().replace(/[^a-z0-9]/g, '');
  for (const type of types) {
    const found = userIds?.find((id) => fold(id.type) === fold(type));
    if (found?.identifier) return found.identifier;
  }
  return undefined;
}

function termOf(
  { sessions }: Names,
  references: readonly ({ sourcedId?: Text } | null | undefined)[] | null | undefined,
): Text {
  const ids = references?.map((each) => each?.sourcedId);
  if (!ids || !sessions) return undefined;
  return titles(sessions, ids, 'title')?.join(', ') ?? null;
}

/** What is found of these ids, by name; undefined where there is none. */
function titles<K extends string>(
  known: ReadonlyMap<string, { [name in K]?: Text }>,
  ids: readonly Text[],
  key: K,
): string[] | undefined {
  const found = [...new Set(ids)].flatMap((id) => known.get(id ?? '')?.[key] ?? []);
  return found.length > 0 ? found : undefined;
}

/** Without what is empty; undefined when nothing is left. */
function some(values: Record<string, unknown>): Record<string, unknown> | undefined {
  const left = Object.entries(values).filter(
    ([, value]) =>
      value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0),
  );
  return left.length > 0 ? Object.fromEntries(left) : undefined;
}
