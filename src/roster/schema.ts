import { MappingEntityType } from '../connectors/index.js';
import type { FieldKind } from '../values/index.js';

/** A field that sources and backends both fill. */
export interface FieldSpec {
  /** Name in records, in edits, and in the before and after of changes. */
  field: string;
  /** Column in the roster's table and in sync_staged. */
  column: string;
  kind: FieldKind;
}

/**
 * A field that a backend can edit: beside the others, whether the entity is active, and the course of a
 * group.
 */
export interface EditableField extends Omit<FieldSpec, 'kind'> {
  kind: FieldKind | 'active' | 'course';
}

export interface EntitySpec {
  entityType: MappingEntityType;
  /** Roster table. Its key is (institution_id, id). */
  table: 'students' | 'teachers' | 'courses' | 'groups';
  /** What a person would call one of them. */
  noun: string;
  fields: readonly FieldSpec[];
  /** A record needs at least one of these. */
  named: readonly string[];
}

const text = (field: string, column: string): FieldSpec => ({ field, column, kind: 'text' });
const name = (field: string, column: string): FieldSpec => ({ field, column, kind: 'name' });

const person: readonly FieldSpec[] = [
  { field: 'nationalId', column: 'national_id', kind: 'nationalId' },
  name('givenName', 'given_name'),
  name('familyName', 'family_name'),
  { field: 'email', column: 'email', kind: 'email' },
  text('code', 'code'),
];

/**
 * What each entity type consists of: the SQL and the checks of syncs, edits, lists and mappings are made from
 * it.
 */
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
      name('name', 'name'),
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
    fields: [name('name', 'name'), text('code', 'code'), text('academicTerm', 'academic_term')],
    named: ['name'],
  },
};

/** In which role memberships come with entities of this type; undefined where none do. */
export function membershipRole({ table }: EntitySpec): 'STUDENT' | 'TEACHER' | undefined {
  return table === 'students' ? 'STUDENT' : table === 'groups' ? 'TEACHER' : undefined;
}

/** All that a backend can edit of an entity. */
export function editableFields(spec: EntitySpec): EditableField[] {
  const fields: EditableField[] = [...spec.fields];
  if (spec.table === 'groups') fields.push({ field: 'courseId', column: 'course_id', kind: 'course' });
  fields.push({ field: 'active', column: 'active', kind: 'active' });
  return fields;
}

/**
 * The columns of a roster table under the names that callers read: the list of a SELECT. Days come as
 * YYYY-MM-DD.
 */
export function selectedColumns(spec: EntitySpec): string {
  const fields = editableFields(spec).map(
    ({ field, column, kind }) => `${kind === 'date' ? `${column}::text` : column} AS "${field}"`,
  );
  return `id, institution_id AS "institutionId", edited AS "editedFields", metadata, ${fields.join(', ')},
    created_at AS "createdAt", updated_at AS "updatedAt"`;
}
