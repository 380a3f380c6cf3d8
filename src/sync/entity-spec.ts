import { MappingEntityType } from '../connectors/index.js';
import type { FieldKind } from '../values/index.js';

export interface FieldSpec {
  /** Name in records, and in the before and after of changes. */
  field: string;
  /** Column in the roster's table and in sync_staged. */
  column: string;
  kind: FieldKind;
}

export interface EntitySpec {
  entityType: MappingEntityType;
  /** Roster table. */
  table: 'students' | 'teachers' | 'courses' | 'groups';
  /** What a person would call one of them. */
  noun: string;
  fields: readonly FieldSpec[];
  /** A record needs at least one of these. */
  named: readonly string[];
}

const text = (field: string, column: string): FieldSpec => ({ field, column, kind: 'text' });

const person: readonly FieldSpec[] = [
  { field: 'nationalId', column: 'national_id', kind: 'nationalId' },
  { field: 'givenName', column: 'given_name', kind: 'name' },
  { field: 'familyName', column: 'family_name', kind: 'name' },
  { field: 'email', column: 'email', kind: 'email' },
  text('code', 'code'),
];

/** What each entity type consists of; SQL and validation are made from it. */
export const ENTITY_SPECS: Readonly<Record<MappingEntityType, EntitySpec>> = {
  [MappingEntityType.STUDENT]: {
    entityType: MappingEntityType.STUDENT,
    table: 'students',
    noun: 'student',
    fields: [
      ...person,
      { field: 'enrolledOn', column: 'enrolled_on', kind: 'date' },
      { field: 'birthDate', column: 'birth_date', kind: 'date' },
    ],
    named: ['givenName', 'familyName'],
  },
  [MappingEntityType.TEACHER]: {
    entityType: MappingEntityType.TEACHER,
    table: 'teachers',
    noun: 'teacher',
    fields: person,
    named: ['givenName', 'familyName'],
  },
  [MappingEntityType.COURSE]: {
    entityType: MappingEntityType.COURSE,
    table: 'courses',
    noun: 'course',
    fields: [
      { field: 'name', column: 'name', kind: 'name' },
      text('code', 'code'),
      text('grade', 'grade'),
      text('academicTerm', 'academic_term'),
      text('description', 'description'),
    ],
    named: ['name'],
  },
  [MappingEntityType.GROUP]: {
    entityType: MappingEntityType.GROUP,
    table: 'groups',
    noun: 'group',
    fields: [{ field: 'name', column: 'name', kind: 'name' }, text('code', 'code'), text('academicTerm', 'academic_term')],
    named: ['name'],
  },
};

/** In which role memberships come with entities of this type; undefined where none do. */
export function membershipRole({ table }: EntitySpec): 'STUDENT' | 'TEACHER' | undefined {
  return table === 'students' ? 'STUDENT' : table === 'groups' ? 'TEACHER' : undefined;
}
