/**
 * What connectors read: records as the school's system has them. Values stay as they are written there (text, not yet
 * trimmed or checked); the sync cleans and checks them, and says which were wrong. `undefined` means that the source
 * has no such field, `null` or an empty text that it is empty for this record.
 */
export type Text = string | null | undefined;

interface ExternalRecord {
  /** Id in the school's system. Without one the record is kept out with an error. */
  externalId: Text;
  /** False when the source says that it no longer counts; undefined counts as true. */
  active?: boolean | undefined;
  /** What else the source has; JSON values. */
  metadata?: Record<string, unknown> | undefined;
  /** Line of the record in its file, the header being line 1. */
  line?: number | undefined;
}

interface PersonRecord extends ExternalRecord {
  nationalId?: Text;
  givenName?: Text;
  familyName?: Text;
  email?: Text;
  code?: Text;
}

export interface StudentRecord extends PersonRecord {
  /** Day of enrolment: ISO or dd/mm/yyyy. */
  enrolledOn?: Text;
  /** Day of birth: ISO or dd/mm/yyyy. */
  birthDate?: Text;
  /** External id of the group the student is in, where the student's own record says so. */
  groupExternalId?: Text;
}

export type TeacherRecord = PersonRecord;

export interface CourseRecord extends ExternalRecord {
  name?: Text;
  code?: Text;
  grade?: Text;
  academicTerm?: Text;
  description?: Text;
}

export interface GroupRecord extends ExternalRecord {
  name?: Text;
  code?: Text;
  academicTerm?: Text;
  /** External id of the group's course. */
  courseExternalId?: Text;
  /** External id of the teacher who leads the group, where the group's own record says so. */
  teacherExternalId?: Text;
}

export interface MembershipRecord {
  groupExternalId: Text;
  personExternalId: Text;
  /** STUDENT or TEACHER, already decided by the connector. */
  role: 'STUDENT' | 'TEACHER';
  line?: number | undefined;
}

/** Something about a row, a value or a file that is not right. */
export interface RecordIssue {
  /** error: the row is kept out. warning: the value is dropped, or a look is worth while; the row stays. */
  severity: 'error' | 'warning';
  /** Dotted name of the broken rule: `email.invalid`, `row.ragged`, `file.encoding`. */
  rule: string;
  /** What is wrong, as the end of the sentence that file and line begin: `email "x@" is not a valid address`. */
  problem: string;
  file?: string | undefined;
  line?: number | undefined;
  /** Column as the source names it. */
  column?: string | undefined;
  /** Value as the source has it. */
  value?: string | undefined;
  /** What to do about it. */
  hint?: string | undefined;
  externalId?: string | undefined;
}

/** A page of records. Pages keep memory flat: a reader yields them as it reads, some hundred to some thousand records each. */
export interface RecordPage<R> {
  records: readonly R[];
  /** Rows the connector could not turn into records. Those of severity error count as read and failed. */
  issues?: readonly RecordIssue[] | undefined;
  /** File, page or call that the records come from, as a person would name it: `students.csv`. */
  file?: string | undefined;
  /** Field of the record -> column as the source names it: `{ email: 'Correo' }`, for the words of issues. */
  columns?: Readonly<Record<string, string>> | undefined;
  /** How many records the source says it has in all, where it does. */
  declaredTotal?: number | undefined;
}

/** What readers yield: pages, or bare arrays of records. */
export type Pages<R> = AsyncIterable<RecordPage<R> | readonly R[]>;
