import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  RecordIssue,
  StudentRecord,
  TeacherRecord,
} from '../external-record.js';
import type { FileKind } from './csv-config.js';
import type { GroupsOfStudents } from './csv-groups.js';
import type { CsvColumns } from './csv-headers.js';
import type { CsvRow } from './csv-rows.js';
import type { CsvStates } from './csv-states.js';
import { failedFormula, isFailedFormula } from './failed-formulas.js';
import { headerAgain, markInside, repeatsHeader } from './header-again.js';
import { idInPowers, swallowedRows } from './spoilt-rows.js';

export type EntityKind = Exclude<FileKind, 'memberships'>;
export type CsvRecord = StudentRecord & TeacherRecord & CourseRecord & GroupRecord;

const TEACHER = new Set([
  'teacher',
  'profesor',
  'profesora',
  'docente',
  'editingteacher',
  'profesorjefe',
  'profesor jefe',
]);
const STUDENT = new Set(['', 'student', 'alumno', 'alumna', 'estudiante']);

/** What became of a row: a record, or an error, or nothing where the row is blank. */
export type Converted<R> = { record?: R; issues: RecordIssue[] };

const NOTHING: Converted<never> = { issues: [] };

/** What the meaning of a row depends on beside its columns. */
export interface EntityReading {
  states: CsvStates;
  /** Where the students say which groups there are. */
  groups?: GroupsOfStudents | undefined;
  /** Whether a list may have told them before, which is not there now. */
  groupsInDoubt?: boolean;
}

/** Turns a row into a record. Values stay as they are written; what cannot be a record is an error. */
export function toEntityRecord(
  row: CsvRow,
  columns: CsvColumns,
  { states, groups, groupsInDoubt = false }: EntityReading,
): Converted<CsvRecord> {
  const { line, cells } = row;
  const problem = problemOf(row, columns);
  if (problem === 'blank') return NOTHING;
  if (problem) return { issues: [problem.severity === 'error' ? { ...problem, cells } : problem] };
  const record: Record<string, unknown> = { line, cells };
  for (const { field, position } of columns.plain) record[field] = cells[position] ?? '';
  const cell = (field: string) => {
    const position = columns.positions.get(field);
    return position === undefined ? undefined : (cells[position] ?? '');
  };
  const paternal = cell('paternalName');
  if (paternal !== undefined) record.familyName = `${paternal.trim()} ${cell('maternalName')?.trim() ?? ''}`;
  const status = cell('status');
  if (status !== undefined) record.active = states.read(status, line, columns);
  // An applicant is no student before somebody says so.
  if (record.active === null) record.activeWhenNew = false;
  if (groups) {
    const { listedGroup } = columns;
    record[groupsInDoubt ? 'ownGroupExternalId' : 'groupExternalId'] = groups.idOf(row);
    if (groupsInDoubt) record.groupExternalId = listedGroup === undefined ? undefined : cells[listedGroup];
  }
  if (columns.metadata) record.metadata = metadataOf(cells, columns.metadata);
  return { record: record as unknown as CsvRecord, issues: [] };
}

/**
 * Whether a row is one that can be understood, where only its cells are looked at; 'blank': it says nothing.
 */
export function isReadable(row: CsvRow, columns: CsvColumns): boolean | 'blank' {
  const problem = problemOf(row, columns);
  if (problem === 'blank' || problem?.severity === 'warning') return 'blank';
  return problem === undefined;
}

/** Turns a row into a membership. */
export function toMembershipRecord(row: CsvRow, columns: CsvColumns): Converted<MembershipRecord> {
  const { line, cells } = row;
  const problem = problemOf(row, columns);
  if (problem === 'blank') return NOTHING;
  if (problem) return { issues: [problem.severity === 'error' ? { ...problem, cells } : problem] };
  const cell = (field: string) => {
    const position = columns.positions.get(field);
    return position === undefined ? undefined : (cells[position] ?? '').trim();
  };
  const teacher = cell('teacherExternalId');
  const student = cell('studentExternalId');
  const word = cell('role')?.toLowerCase() ?? '';
  const role =
    TEACHER.has(word) || (word === '' && teacher && !student)
      ? 'TEACHER'
      : STUDENT.has(word)
        ? 'STUDENT'
        : undefined;
  if (!role) {
    const hint = 'Write alumno or profesor (student or teacher).';
    const issue: RecordIssue = {
      severity: 'error',
      rule: 'role.unknown',
      problem: `role "${word}" is not known`,
      line,
      column: columns.names.role,
      value: word,
      hint,
      cells,
    };
    return { issues: [issue] };
  }
  const person = cell('personExternalId') ?? (role === 'TEACHER' ? teacher : student);
  return {
    record: { groupExternalId: cell('groupExternalId'), personExternalId: person, role, line, cells },
    issues: [],
  };
}

/**
 * The row of an export of failed rows without what is said there. That stands last: in its column at
 * `errorAt`, or behind the cells that the row has too many.
 */
export function withoutError(row: CsvRow, errorAt: number): CsvRow {
  const { cells } = row;
  let used = cells.length;
  while (used > errorAt && (cells[used - 1] as string).trim() === '') used -= 1;
  return { ...row, cells: cells.slice(0, Math.max(used - 1, Math.min(errorAt, cells.length))) };
}

/** Why a row is no record: an error, or a warning where it was never meant as one. */
function problemOf(row: CsvRow, columns: CsvColumns): RecordIssue | 'blank' | undefined {
  const { line, cells } = row;
  const { width } = columns;
  let used = cells.length;
  while (used > 0 && (cells[used - 1] as string).trim() === '') used -= 1;
  if (used === 0) return 'blank';
  // Spreadsheets add empty cells at the end of a row; fewer than the header has means that values may have
  // moved.
  if (used > width) return ragged(used, width, line);
  if (cells.length < width) return ragged(cells.length, width, line);
  if (cells.some((cell) => cell.includes('\0'))) {
    const hint = 'The file is damaged there, or is no text file. Export it again.';
    return { severity: 'error', rule: 'value.nul', problem: 'the row holds a NUL character', line, hint };
  }
  const spoilt = swallowedRows(row);
  if (spoilt) return spoilt;
  if (repeatsHeader(cells, columns, line)) return headerAgain(line);
  return markInside(cells, line) ?? failedFormula(cells, columns, line) ?? idInPowers(cells, columns, line);
}

function ragged(found: number, width: number, line: number): RecordIssue {
  return {
    severity: 'error',
    rule: 'row.ragged',
    problem: `the row has ${found} columns where the header has ${width}`,
    line,
    hint: 'Look for a delimiter too many or too few; a value that holds the delimiter needs quotes around it.',
  };
}

/** Without a prototype: a column may be called __proto__. */
function metadataOf(
  cells: readonly string[],
  columns: NonNullable<CsvColumns['metadata']>,
): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null);
  for (const { name, position } of columns) {
    const value = cells[position]?.trim();
    if (value && !isFailedFormula(value)) metadata[name] = value;
  }
  return metadata;
}
