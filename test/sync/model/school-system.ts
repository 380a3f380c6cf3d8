import fc from 'fast-check';
import type { RecordSource } from '../../../src/connectors/index.js';
import { MappingEntityType } from '../../../src/index.js';

/*
 * The school's side of a history: what its systems hold, and how they are read. All of it is small numbers,
 * so that a history that fails can be made small.
 */

const { COURSE, TEACHER, GROUP, STUDENT } = MappingEntityType;

/** People there are in the world; a row of a student or a teacher is about one of them. */
const NAMES = ['Ana Soto', 'Eva Paz', 'Luz Vera', 'Iris Gil', 'Noa Mora', 'Pía Rey', 'Sara Lira', 'Tere Cid'];
const RUTS = [
  '1000005-K',
  '1000013-0',
  '1000021-1',
  '1000030-0',
  '1000048-3',
  '1000056-4',
  '1000064-5',
  '1000072-6',
];
export const PEOPLE = NAMES.map((name, index) => {
  const [givenName = '', familyName = ''] = name.split(' ');
  return { givenName, familyName, nationalId: RUTS[index] as string };
});
/** An id that a row with an error may have, too: longer than what an issue usually keeps. */
const LONG = 'x'.repeat(210);
export const SLOTS = 8;
export const studentId = (slot: number) => (slot === 0 ? `N0${LONG}` : `N${slot}`);

/** A row of a student. Its slot is its external id; whoever is in it should be the person of that number. */
export interface StudentRow {
  person: number;
  /** 1: with a second given name, which is no contradiction. */
  name: 0 | 1;
  mail: 0 | 1 | 2;
  /** The national id: the person's, none, or a placeholder. */
  rut: 'own' | 'none' | 'S/N';
  /** A code that others may have as well. */
  code: boolean;
  active: boolean;
  group: number | null;
  /** Whether its name is missing, so that the row is of no use. */
  broken: boolean;
}

export interface SchoolState {
  /** Names of the courses, by slot. */
  courses: (0 | 1)[];
  teachers: ({ name: 0 | 1 } | null)[];
  groups: ({ active: boolean; teacher: number | null } | null)[];
  students: (StudentRow | null)[];
}

/** How a school system is read once. */
export interface Reading {
  /**
   * Something is wrong with the list of entities, or it is not all there is: a page says so (partial), or the source does
   * before it is read (changes).
   */
  entities: 'whole' | 'partial' | 'changes' | 'short' | 'without id' | 'twice' | 'breaks';
  /** The same for the list of memberships. */
  memberships: 'whole' | 'missing' | 'short' | 'page twice' | 'odd role';
}

/** What happens to many students at once. */
export type MassChange =
  | 'gone'
  | 'inactive'
  | 'back'
  | 'no group'
  | 'group 0'
  | 'other e-mail'
  /** All get other ids: such as nobody had, or those of one another. */
  | 'new ids'
  | 'ids in turn';

export type Change =
  | { of: 'student'; slot: number; row: StudentRow | null }
  /** So many of the students who are there, from a slot on. */
  | { of: 'students'; slot: number; count: number; what: MassChange }
  | { of: 'group'; slot: number; row: SchoolState['groups'][number] }
  | { of: 'teacher'; slot: number; row: SchoolState['teachers'][number] }
  | { of: 'course'; slot: number; name: 0 | 1 };

export const often = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(usual) },
    ...others.map((other) => ({ weight: 1, arbitrary: fc.constant(other) })),
  );
const flag = fc.constantFrom<0 | 1>(0, 1);
export const slot = fc.nat(SLOTS - 1);

export const student = (own: number) =>
  fc.record<StudentRow>({
    person: fc.oneof({ weight: 9, arbitrary: fc.constant(own) }, { weight: 1, arbitrary: slot }),
    name: often<0 | 1>(0, 1),
    mail: often<0 | 1 | 2>(0, 1, 2),
    rut: often<StudentRow['rut']>('own', 'none', 'S/N'),
    code: often(false, true),
    active: often(true, false),
    group: fc.constantFrom(0, 0, 1, 2, null),
    broken: often(false, false, true),
  });
const group = fc.record({ active: often(true, false), teacher: fc.constantFrom(0, 1, null) });
const teacher = fc.record({ name: flag });
const orNone = <T>(row: fc.Arbitrary<T>) => fc.option(row, { freq: 5 });

export const schoolState: fc.Arbitrary<SchoolState> = fc.record({
  courses: fc.tuple(flag, flag),
  teachers: fc.tuple(orNone(teacher), orNone(teacher)),
  groups: fc.tuple(orNone(group), orNone(group), orNone(group)),
  students: fc.tuple(...Array.from({ length: SLOTS }, (_, own) => orNone(student(own)))),
});

export const massChange: fc.Arbitrary<Change> = fc.record({
  of: fc.constant('students' as const),
  slot,
  count: fc.integer({ min: 1, max: SLOTS }),
  what: fc.constantFrom<MassChange[]>(
    'gone',
    'inactive',
    'back',
    'no group',
    'group 0',
    'other e-mail',
    'new ids',
    'ids in turn',
  ),
});
const studentChange = slot.chain((at) =>
  fc
    .oneof({ weight: 2, arbitrary: orNone(student(at)) }, { weight: 1, arbitrary: fc.constant(null) })
    .map((row): Change => ({ of: 'student', slot: at, row })),
);
export const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 8, arbitrary: studentChange },
  { weight: 1, arbitrary: massChange },
  {
    weight: 2,
    arbitrary: fc.record({ of: fc.constant('group' as const), slot: fc.nat(2), row: orNone(group) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ of: fc.constant('teacher' as const), slot: fc.nat(1), row: orNone(teacher) }),
  },
  { weight: 1, arbitrary: fc.record({ of: fc.constant('course' as const), slot: fc.nat(1), name: flag }) },
);

export const reading: fc.Arbitrary<Reading> = fc.record({
  entities: fc.oneof(
    { weight: 18, arbitrary: fc.constant<Reading['entities']>('whole') },
    {
      weight: 5,
      arbitrary: fc.constantFrom<Reading['entities']>(
        'partial',
        'changes',
        'short',
        'without id',
        'twice',
        'breaks',
      ),
    },
  ),
  memberships: fc.oneof(
    { weight: 18, arbitrary: fc.constant<Reading['memberships']>('whole') },
    {
      weight: 4,
      arbitrary: fc.constantFrom<Reading['memberships']>('missing', 'short', 'page twice', 'odd role'),
    },
  ),
});

export const isOfSome = ({ entities }: Reading) => entities === 'partial' || entities === 'changes';
export const WHOLE: Reading = { entities: 'whole', memberships: 'whole' };

/** A student who is as most are. */
export const plainRow = (person: number): StudentRow => {
  return {
    person,
    name: 0,
    mail: 0,
    rut: 'own',
    code: false,
    active: true,
    group: person % 3,
    broken: false,
  };
};

export function changeSchool(school: SchoolState, change: Change): void {
  if (change.of === 'student') school.students[change.slot] = change.row;
  else if (change.of === 'students') changeMany(school, change);
  else if (change.of === 'group') school.groups[change.slot] = change.row;
  else if (change.of === 'teacher') school.teachers[change.slot] = change.row;
  else school.courses[change.slot] = change.name;
}

/** Who is gone already is not one of those who go. */
function changeMany(
  { students }: SchoolState,
  { slot: first, count, what }: Extract<Change, { of: 'students' }>,
): void {
  if (what === 'new ids') students.unshift(...students.map(() => null));
  if (what === 'ids in turn') students.push(...students.splice(0, count % students.length));
  if (what === 'new ids' || what === 'ids in turn') return;
  const isOne = (row: StudentRow | null | undefined) =>
    what === 'back' || (row && (what !== 'inactive' || row.active));
  const slots = Array.from({ length: SLOTS }, (_, nth) => (first + nth) % SLOTS);
  for (const slot of slots.filter((at) => isOne(students[at])).slice(0, count)) {
    const row = students[slot] ?? plainRow(slot);
    if (what === 'gone') students[slot] = null;
    if (what === 'inactive') students[slot] = { ...row, active: false };
    if (what === 'back') students[slot] = { ...row, active: true };
    if (what === 'no group') students[slot] = { ...row, group: null };
    if (what === 'group 0') students[slot] = { ...row, group: 0 };
    if (what === 'other e-mail') students[slot] = { ...row, mail: row.mail === 1 ? 2 : 1 };
  }
}

/** What a row says of an entity, in the fields of the roster. */
export type Fields = Record<string, string | boolean | null>;

/** The rows of one entity type by external id: the fields, or null for a row that is of no use. */
export function rowsOf(
  school: SchoolState,
  letter: string,
  type: MappingEntityType,
): Map<string, Fields | null> {
  if (type === COURSE) {
    return new Map(
      school.courses.map((name, at) => [`C${at}`, { name: `${letter} course ${at}.${name}`, active: true }]),
    );
  }
  if (type === GROUP)
    return new Map(
      school.groups.flatMap((row, at) => (row ? [[`G${at}`, groupFields(row, letter, at)]] : [])),
    );
  if (type === TEACHER) {
    return new Map(
      school.teachers.flatMap((row, at) => {
        // Teachers are the last people of the world, and no students.
        const { nationalId } = PEOPLE[at] as (typeof PEOPLE)[number];
        const fields = {
          givenName: row?.name ? 'Max' : 'Leo',
          familyName: `Haro${at}`,
          nationalId,
          active: true,
        };
        return row ? [[`T${at}`, fields] as const] : [];
      }),
    );
  }
  return new Map(
    school.students.flatMap((row, at) =>
      row ? [[studentId(at), row.broken ? null : studentFields(row)]] : [],
    ),
  );
}

function groupFields(row: { active: boolean }, letter: string, at: number): Fields {
  return { name: `${letter} group ${at}`, active: row.active };
}

function studentFields({ person, name, mail, rut, code, active }: StudentRow): Fields {
  const { givenName, familyName, nationalId } = PEOPLE[person] as (typeof PEOPLE)[number];
  return {
    givenName: name ? `${givenName} María` : givenName,
    familyName,
    nationalId: rut === 'own' ? nationalId : rut === 'none' ? null : 'S/N',
    // Who has no national id could be taken for another by the code alone, and would rightly be.
    code: rut === 'S/N' ? 'S/N' : code && rut === 'own' ? '7' : null,
    email: mail === 0 ? null : mailOf(person, mail),
    active,
  };
}

export const mailOf = (person: number, mail: number) => `p${person}.${mail}@colegio.example`;

/** The memberships that come with students or with groups: external ids of group and person. */
export function membershipsOf(
  school: SchoolState,
  type: MappingEntityType,
): { group: string; person: string }[] {
  if (type === STUDENT) {
    return school.students.flatMap((row, at) =>
      row && row.group !== null ? [{ group: `G${row.group}`, person: studentId(at) }] : [],
    );
  }
  if (type !== GROUP) return [];
  return school.groups.flatMap((row, at) =>
    row && row.teacher !== null ? [{ group: `G${at}`, person: `T${row.teacher}` }] : [],
  );
}

/** The records of one entity type, none of them wrong by the way it is read. */
export function recordsOf(school: SchoolState, letter: string, type: MappingEntityType) {
  return [...rowsOf(school, letter, type)].map(([externalId, fields], index) => {
    const { active = true, ...rest } = fields ?? { givenName: '', familyName: '' };
    const record = { externalId, line: index + 2, ...rest, active: active as boolean };
    return type === GROUP ? { ...record, courseExternalId: `C${Number(externalId.slice(1)) % 2}` } : record;
  });
}

/** The school system as a sync reads it. */
export function sourceOf(
  school: SchoolState,
  letter: string,
  type: MappingEntityType,
  how: Reading,
): RecordSource {
  const records: ({ externalId: string; line: number; active: boolean } & object)[] = recordsOf(
    school,
    letter,
    type,
  );
  if (how.entities === 'without id') records.push({ externalId: '', line: 90, active: true });
  // Of two rows that are of no use both are errors, and whose row they stand for is plain.
  const twin = records.find((record) => !('givenName' in record) || record.givenName !== '');
  if (how.entities === 'twice') records.push({ ...(twin ?? { externalId: '', active: true }), line: 91 });
  const given = isOfSome(how) ? records.slice(0, Math.ceil((records.length * 3) / 4)) : records;
  const role = type === STUDENT ? ('STUDENT' as const) : ('TEACHER' as const);
  const list = membershipsOf(school, type).map(({ group: groupExternalId, person: personExternalId }) => {
    return { groupExternalId, personExternalId, role };
  });
  const halves = [list.slice(0, 2), list.slice(2)];
  return {
    ...(how.entities === 'changes' && { partial: true }),
    entities: (async function* () {
      const declaredTotal = how.entities === 'short' ? records.length + 1 : undefined;
      for (let at = 0; at < given.length; at += 5) {
        yield { records: given.slice(at, at + 5), declaredTotal, partial: how.entities === 'partial' };
        if (how.entities === 'breaks') throw new Error('The school system went away.');
      }
    })() as RecordSource['entities'],
    memberships:
      role !== undefined && (type === STUDENT || type === GROUP) && how.memberships !== 'missing'
        ? (async function* () {
            const declaredTotal = how.memberships === 'short' ? list.length + 1 : list.length;
            const pages = how.memberships === 'page twice' ? [halves[0], halves[0]] : halves;
            // A typo: the list is whole, and what one of its rows says is not known.
            if (how.memberships === 'odd role' && list[0]) list[0].role = 'PROFESR' as never;
            for (const records of pages) if (records?.length) yield { records, declaredTotal };
          })()
        : undefined,
  };
}
