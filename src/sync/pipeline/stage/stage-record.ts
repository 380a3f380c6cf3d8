import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  RecordIssue,
  RecordPage,
  StudentRecord,
  TeacherRecord,
} from '../../../connectors/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { cleanExternalId, cleanText, cleanValue, quoted, storableJson } from '../../../values/index.js';

export type EntityRecord = StudentRecord & TeacherRecord & CourseRecord & GroupRecord;

/** What the rows of a page have in common. */
export type PageOrigin = Pick<RecordPage<unknown>, 'file' | 'columns'>;

/** A row as sync_staged has it. */
export interface StagedRow {
  /** Its number in the run: given when it is written. */
  seq: number;
  kind: 'ENTITY' | 'MEMBERSHIP';
  /** Of memberships, which may come from several files. */
  file: string | null;
  line: number | null;
  externalId: string;
  digest: Buffer | null;
  /** Fields whose value was dropped by a warning, or could not be told: the roster keeps what it has there. */
  dropped: string[] | null;
  active: boolean;
  /** JSON text. */
  metadata: string | null;
  /** Clean values by column; a column that is missing is null. */
  values: Record<string, string | null>;
  courseExternalId: string | null;
  personExternalId: string | null;
  role: 'STUDENT' | 'TEACHER' | null;
}

export interface StageRecordResult {
  /** The entity, unless an error keeps it out. */
  row?: StagedRow;
  issues: RecordIssue[];
}

type Place = Pick<RecordIssue, 'file' | 'line'>;

const ROLES: readonly string[] = ['STUDENT', 'TEACHER'];
const NO_ISSUES: RecordIssue[] = [];

/** Gathers the fields that the source has at all. */
export class ProvidedFields {
  readonly fields = new Set<string>();
  /** Fields that no record had so far, and how records call them. */
  readonly #missing: { field: string; key: keyof EntityRecord }[];

  constructor(spec: EntitySpec) {
    this.#missing = [
      ...spec.fields.map(({ field }) => ({ field, key: field as keyof EntityRecord })),
      { field: 'metadata', key: 'metadata' },
      { field: 'courseId', key: 'courseExternalId' },
    ];
  }

  /** Looks at a record. Most sources have the same fields in every record: the first one tells most of them. */
  note(record: EntityRecord): void {
    for (let at = this.#missing.length - 1; at >= 0; at--) {
      const { field, key } = this.#missing[at] as { field: string; key: keyof EntityRecord };
      if (record[key] === undefined) continue;
      this.fields.add(field);
      this.#missing.splice(at, 1);
    }
  }
}

/**
 * Cleans and checks one record. An error keeps the row out (no id, no name); a warning drops a value and
 * keeps the row, which then goes without its digest, so that it is looked at again the next time.
 */
export function stageRecord(
  spec: EntitySpec,
  record: EntityRecord,
  origin: PageOrigin,
  digest: Buffer | undefined,
): StageRecordResult {
  const at = { file: origin.file, line: record.line };
  const externalId = checkExternalId(record.externalId);
  if (typeof externalId !== 'string') {
    const column = origin.columns?.externalId ?? 'externalId';
    return { issues: [{ severity: 'error', ...externalId, ...at, column, cells: record.cells }] };
  }
  let issues = NO_ISSUES;
  const values: Record<string, string | null> = {};
  let dropped: string[] | null = record.active === null ? ['active'] : null;
  for (const { field, column, kind } of spec.fields) {
    const raw = record[field as keyof EntityRecord] as string | null | undefined;
    if (raw === undefined) continue;
    const clean = cleanValue(kind, raw);
    if (clean === null || typeof clean === 'string') {
      values[column] = clean;
      continue;
    }
    values[column] = null;
    const named = origin.columns?.[field] ?? field;
    if (issues === NO_ISSUES) issues = [];
    issues.push({
      severity: 'warning',
      rule: clean.rule,
      problem: `${named} ${clean.problem}`,
      ...at,
      column: named,
      value: String(raw),
      hint: clean.hint,
      externalId,
    });
    dropped ??= [];
    dropped.push(field);
  }
  if (!spec.named.some((field) => values[columnOf(spec, field)])) {
    const columns = spec.named.map((field) => origin.columns?.[field] ?? field);
    const issue: RecordIssue = {
      severity: 'error',
      rule: 'name.missing',
      problem: `${spec.noun} ${quoted(externalId)} has no name`,
      ...at,
      column: columns.join(', '),
      hint: `Fill in ${columns.join(' or ')}.`,
      externalId,
      cells: record.cells,
    };
    return { issues: [...issues, issue] };
  }
  const row: StagedRow = {
    seq: 0,
    kind: 'ENTITY',
    file: null,
    line: record.line ?? null,
    externalId,
    digest: dropped === null && issues === NO_ISSUES ? (digest ?? null) : null,
    dropped,
    active: record.active ?? record.activeWhenNew ?? true,
    metadata: record.metadata === undefined ? null : storableJson(record.metadata),
    values,
    courseExternalId: cleanReference(record.courseExternalId),
    personExternalId: null,
    role: null,
  };
  return { row, issues };
}

/** Cleans and checks one membership. */
export function stageMembership(
  record: MembershipRecord,
  origin: PageOrigin,
): { row?: StagedRow; issues: RecordIssue[] } {
  if (!ROLES.includes(record.role)) return { issues: [unknownRole(record, origin)] };
  const group = checkExternalId(record.groupExternalId);
  const person = checkExternalId(record.personExternalId);
  if (typeof group === 'string' && typeof person === 'string') {
    return {
      row: membershipRow(group, person, record.role, { file: origin.file, line: record.line }),
      issues: NO_ISSUES,
    };
  }
  const field = typeof group === 'string' ? 'personExternalId' : 'groupExternalId';
  const wrong = (typeof group === 'string' ? person : group) as {
    rule: string;
    problem: string;
    hint: string;
  };
  const column = origin.columns?.[field] ?? field;
  const issue: RecordIssue = {
    severity: 'error',
    ...wrong,
    problem: `${column}: ${wrong.problem}`,
    file: origin.file,
    line: record.line,
    column,
    cells: record.cells,
  };
  return { issues: [issue] };
}

/** Connectors decide on the role; one may hand on what the school wrote. */
function unknownRole({ role, line, cells }: MembershipRecord, { file, columns }: PageOrigin): RecordIssue {
  const column = columns?.role ?? 'role';
  return {
    severity: 'error',
    rule: 'role.unknown',
    problem: `${column} ${quoted(String(role))} is not known`,
    file,
    line,
    column,
    value: String(role),
    hint: 'Write student or teacher.',
    cells,
  };
}

/** The membership that a record itself speaks of. `namesGroup`: there is no list of groups but these records. */
export function ownMembership(
  record: EntityRecord,
  { file }: PageOrigin,
  namesGroup: boolean,
): StagedRow | undefined {
  const named = namesGroup ? record.ownGroupExternalId : record.groupExternalId;
  if (!named && !record.teacherExternalId) return undefined;
  const externalId = cleanText(record.externalId) as string;
  const at = { file, line: record.line };
  const group = cleanReference(named);
  if (group) return membershipRow(group, externalId, 'STUDENT', at);
  const teacher = cleanReference(record.teacherExternalId);
  return teacher ? membershipRow(externalId, teacher, 'TEACHER', at) : undefined;
}

function membershipRow(group: string, person: string, role: 'STUDENT' | 'TEACHER', at: Place): StagedRow {
  return {
    seq: 0,
    kind: 'MEMBERSHIP',
    file: at.file ?? null,
    line: at.line ?? null,
    externalId: group,
    digest: null,
    dropped: null,
    active: true,
    metadata: null,
    values: {},
    courseExternalId: null,
    personExternalId: person,
    role,
  };
}

function checkExternalId(
  raw: string | null | undefined,
): string | Pick<RecordIssue, 'rule' | 'problem' | 'hint' | 'value'> {
  const id = cleanExternalId(raw);
  return typeof id === 'string' || id.rule === 'id.missing' ? id : { ...id, value: cleanText(raw) as string };
}

/**
 * The id that a record refers to. PostgreSQL stores no NUL character: with U+FFFD in its place it is the id
 * of nobody, and shows in the issue of an unknown id.
 */
function cleanReference(raw: string | null | undefined): string | null {
  return cleanText(raw)?.replaceAll('\0', '\uFFFD') ?? null;
}

function columnOf(spec: EntitySpec, field: string): string {
  return spec.fields.find((candidate) => candidate.field === field)?.column ?? field;
}
