import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  RecordIssue,
  RecordPage,
  StudentRecord,
  TeacherRecord,
} from '../../connectors/index.js';
import type { EntitySpec } from '../entity-spec.js';
import { cleanText, cleanValue, quoted } from './clean-value.js';
import { digestOf } from './digest.js';

export type EntityRecord = StudentRecord & TeacherRecord & CourseRecord & GroupRecord;

/** What the rows of a page have in common. */
export type PageOrigin = Pick<RecordPage<unknown>, 'file' | 'columns'>;

/** A row as sync_staged has it. */
export interface StagedRow {
  kind: 'ENTITY' | 'MEMBERSHIP';
  /** Of memberships, which may come from several files. */
  file: string | null;
  line: number | null;
  externalId: string;
  digest: string | null;
  /** Fields whose value was dropped by a warning: the roster keeps what it has there. */
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
  /** The membership that the record itself speaks of. */
  membership?: StagedRow;
  issues: RecordIssue[];
}

type Place = Pick<RecordIssue, 'file' | 'line'>;

const MAX_EXTERNAL_ID = 255;
const NO_ISSUES: RecordIssue[] = [];

/**
 * Cleans and checks one record. An error keeps the row out (no id, no name); a warning drops a value and keeps the row.
 * `provided` gathers the fields that the source has at all.
 */
export function stageRecord(
  spec: EntitySpec,
  record: EntityRecord,
  origin: PageOrigin,
  provided: Set<string>,
  key: string,
): StageRecordResult {
  const at = { file: origin.file, line: record.line };
  const externalId = checkExternalId(record.externalId);
  if (typeof externalId !== 'string') {
    return { issues: [{ severity: 'error', ...externalId, ...at, column: origin.columns?.externalId ?? 'externalId' }] };
  }
  let issues = NO_ISSUES;
  const values: Record<string, string | null> = {};
  let dropped: string[] | null = null;
  for (const { field, column, kind } of spec.fields) {
    const raw = record[field as keyof EntityRecord] as string | null | undefined;
    if (raw === undefined) continue;
    provided.add(field);
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
    };
    return { issues: [...issues, issue] };
  }
  if (record.metadata !== undefined) provided.add('metadata');
  if (record.courseExternalId !== undefined) provided.add('courseId');
  const row: StagedRow = {
    kind: 'ENTITY',
    file: null,
    line: record.line ?? null,
    externalId,
    digest: null,
    dropped,
    active: record.active ?? true,
    metadata: record.metadata === undefined ? null : storableJson(record.metadata),
    values,
    courseExternalId: cleanText(record.courseExternalId),
    personExternalId: null,
    role: null,
  };
  row.digest = digestOf(key, spec, row);
  const result: StageRecordResult = { row, issues };
  const membership = ownMembership(record, externalId, at);
  if (membership) result.membership = membership;
  return result;
}

/** Cleans and checks one membership. */
export function stageMembership(record: MembershipRecord, origin: PageOrigin): { row?: StagedRow; issues: RecordIssue[] } {
  const group = checkExternalId(record.groupExternalId);
  const person = checkExternalId(record.personExternalId);
  if (typeof group === 'string' && typeof person === 'string') {
    return { row: membershipRow(group, person, record.role, { file: origin.file, line: record.line }), issues: NO_ISSUES };
  }
  const field = typeof group === 'string' ? 'personExternalId' : 'groupExternalId';
  const wrong = (typeof group === 'string' ? person : group) as { rule: string; problem: string; hint: string };
  const column = origin.columns?.[field] ?? field;
  const issue: RecordIssue = {
    severity: 'error',
    ...wrong,
    problem: `${column}: ${wrong.problem}`,
    file: origin.file,
    line: record.line,
    column,
  };
  return { issues: [issue] };
}

function ownMembership(record: EntityRecord, externalId: string, at: Place): StagedRow | undefined {
  const group = cleanText(record.groupExternalId);
  if (group) return membershipRow(group, externalId, 'STUDENT', at);
  const teacher = cleanText(record.teacherExternalId);
  return teacher ? membershipRow(externalId, teacher, 'TEACHER', at) : undefined;
}

function membershipRow(group: string, person: string, role: 'STUDENT' | 'TEACHER', at: Place): StagedRow {
  return {
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

function checkExternalId(raw: string | null | undefined): string | Pick<RecordIssue, 'rule' | 'problem' | 'hint' | 'value'> {
  const id = cleanText(raw);
  if (id === null) {
    return { rule: 'id.missing', problem: 'the row has no id', hint: "Every row needs the id it has in the school's system." };
  }
  if (id.length > MAX_EXTERNAL_ID) {
    const problem = `the id is ${id.length} characters long; ${MAX_EXTERNAL_ID} fit`;
    return { rule: 'id.too_long', problem, value: id, hint: 'Look whether columns have moved.' };
  }
  if (id.includes('\0'))
    return { rule: 'id.nul', problem: 'the id holds a NUL character', value: id, hint: 'Export the file again.' };
  return id;
}

function columnOf(spec: EntitySpec, field: string): string {
  return spec.fields.find((candidate) => candidate.field === field)?.column ?? field;
}

/** JSON for PostgreSQL, which cannot store NUL characters. */
function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return json.includes('\\u0000') ? json.replaceAll('\\u0000', '') : json;
}
