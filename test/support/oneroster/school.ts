/** A record as the API gives it. */
export interface OneRosterRecord {
  sourcedId: string;
  status: string;
  dateLastModified: string;
  [field: string]: unknown;
}

/** The lists of a school. `users` is what /students and /teachers choose from. */
export interface OneRosterSchool {
  orgs: OneRosterRecord[];
  academicSessions: OneRosterRecord[];
  courses: OneRosterRecord[];
  classes: OneRosterRecord[];
  users: OneRosterRecord[];
  enrollments: OneRosterRecord[];
}

export const OLD = '2026-01-05T12:00:00.000Z';

/** A record that was last changed long ago. */
export function record(sourcedId: string, fields: object = {}): OneRosterRecord {
  return { sourcedId, status: 'active', dateLastModified: OLD, ...fields };
}

const ref = (type: string, sourcedId: string) => ({
  sourcedId,
  type,
  href: `https://sis.example/${type}/${sourcedId}`,
});

/** A student or teacher of 1.2. */
export function person(sourcedId: string, role: 'student' | 'teacher', fields: object = {}): OneRosterRecord {
  return record(sourcedId, {
    enabledUser: 'true',
    username: sourcedId.toLowerCase(),
    givenName: 'Ana',
    familyName: `Soto ${sourcedId}`,
    email: `${sourcedId.toLowerCase()}@school.example`,
    identifier: `N-${sourcedId}`,
    userIds: [{ type: 'LDAP', identifier: sourcedId }],
    roles: [{ roleType: 'primary', role, org: ref('org', 'school') }],
    ...fields,
  });
}

/** An enrolment in a class. */
export function enrolment(
  classId: string,
  userId: string,
  role: string,
  fields: object = {},
): OneRosterRecord {
  return record(`${classId}-${userId}`, {
    role,
    class: ref('class', classId),
    user: ref('user', userId),
    school: ref('org', 'school'),
    ...fields,
  });
}

/** A school of 1.2 with a class for each course, in which every student is. */
export function makeOneRosterSchool({ students = 12, courses = 3, teachers = 6 } = {}): OneRosterSchool {
  const number = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  // Names that do not sort as numbers do.
  const studentIds = number(students).map((n) => `S${n}`);
  const teacherIds = number(teachers).map((n) => `T${n}`);
  const classIds = number(courses).map((n) => `G${n}`);
  return {
    orgs: [
      record('district', { name: 'Fundación San Martín', type: 'district' }),
      record('school', { name: 'Colegio San Martín', type: 'school', parent: ref('org', 'district') }),
    ],
    academicSessions: [
      record('Y2026', { title: 'Año 2026', type: 'schoolYear', schoolYear: '2026' }),
      record('Y2026-1', { title: 'Primer semestre', type: 'semester', schoolYear: '2026' }),
    ],
    courses: number(courses).map((n) =>
      record(`C${n}`, {
        title: `Álgebra ${n}`,
        courseCode: `ALG-${n}`,
        grades: ['07'],
        schoolYear: ref('academicSession', 'Y2026'),
        org: ref('org', 'school'),
      }),
    ),
    classes: classIds.map((id, i) =>
      record(id, {
        title: `7°${String.fromCharCode(65 + i)}`,
        classCode: `7${i + 1}`,
        classType: 'scheduled',
        course: ref('course', `C${i + 1}`),
        school: ref('org', 'school'),
        terms: [ref('academicSession', 'Y2026-1')],
      }),
    ),
    users: [
      ...studentIds.map((id) => person(id, 'student')),
      ...teacherIds.map((id) => person(id, 'teacher')),
      record('P1', { givenName: 'Eva', familyName: 'Paz', roles: [{ role: 'parent' }] }),
    ],
    enrollments: classIds.flatMap((classId, i) => [
      ...studentIds.map((id) => enrolment(classId, id, 'student')),
      ...teacherIds.slice(i, i + 2).map((id) => enrolment(classId, id, 'teacher')),
    ]),
  };
}
