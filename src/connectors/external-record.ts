/**
 * What connectors read: records as the school's system has them. Values stay as they are written there (text,
 * not yet trimmed or checked); the sync cleans and checks them, and says which were wrong. `undefined` means
 * that the source has no such field, `null` or an empty text that it is empty for this record.
 */
export type Text = string | null | undefined;

export interface ExternalRecord {
  /** Id in the school's system. Without one the record is kept out with an error. */
  externalId: Text;
  /**
   * False when the source says that it no longer counts; undefined counts as true. null: nobody could tell; who
   * is known stays active or inactive as before, and who was missing is active again.
   */
  active?: boolean | null | undefined;
  /** Of whom nobody could tell: whether somebody new is active; default true. Such a record is looked at every time. */
  activeWhenNew?: boolean | undefined;
  /** What else the source has; JSON values. */
  metadata?: Record<string, unknown> | undefined;
  /** Line of the record in its file, the header being line 1. */
  line?: number | undefined;
  /** Its row as the file has it, cell by cell: given back when the record fails. */
  cells?: readonly string[] | undefined;
}

export interface PersonRecord extends ExternalRecord {
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
  /** The same as the record itself names it, on a page whose list of groups is not there (`groupsAbsent`). */
  ownGroupExternalId?: Text;
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
  /** Its row as the file has it, as those of entities. */
  cells?: readonly string[] | undefined;
}

/** Something about a row, a value or a file that is not right. */
export interface RecordIssue {
  /** error: the row is kept out. warning: the value is dropped, or a look is worth while; the row stays. */
  severity: 'error' | 'warning';
  /** Dotted name of the broken rule: `email.invalid`, `row.ragged`, `file.encoding`. */
  rule: string;
  /**
   * What is wrong, as the end of the sentence that file and line begin: `email "x@" is not a valid address`.
   */
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
  /** The row as the file has it, of a row that the connector itself could not use. */
  cells?: readonly string[] | undefined;
}

/** How a file that holds a table is written: what is needed to write rows of it again. */
export interface RecordTable {
  /** Cells of the header row. */
  header: readonly string[];
  delimiter: string;
  encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';
  /** Whether the file begins with a byte order mark. */
  bom: boolean;
}

/**
 * The last column of a table of failed rows, in which it says what is wrong with them. A connector that reads
 * such a table leaves this column out, of the header and of the cells, and says that its pages are `partial`.
 */
export const ERROR_COLUMN = 'error';

/**
 * A page of records. Pages keep memory flat: a reader yields them as it reads, some hundred to some thousand
 * records each.
 */
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
  /** How the file is written, where it is a table: its failed rows can then be given back as they came. */
  table?: RecordTable | undefined;
  /** Why the source could not be read whole, in a sentence: then nobody is taken for gone. */
  gap?: string | undefined;
  /**
   * The list that the records should come from is not there: a sentence that says so, and what to do. A sync
   * of everything goes on without it. Records that come all the same were found elsewhere, and are used only
   * where the list never brought any.
   */
  absent?: string | undefined;
  /**
   * The list of groups is not there: a sentence that says so, and what to do. Where it brought groups before,
   * those that the records themselves name (`ownGroupExternalId`) are not used, and no membership ends.
   */
  groupsAbsent?: string | undefined;
  /** Of memberships: the source has no such list, and a person said so. Those that it brought before end. */
  none?: boolean | undefined;
  /** The file holds some of the records on purpose, not all: who is not in it has not vanished. */
  partial?: boolean | undefined;
  /** Of a partial reading: external ids that the source was asked for by name, and has no longer. */
  gone?: readonly string[] | undefined;
  /**
   * Where the next reading of this entity type may go on from, in the connector's own words; the last page's
   * counts. Handed back by `ConnectorContext.cursor`, once all that was read has been applied.
   */
  cursor?: string | undefined;
}

/**
 * A page of rows that can be told by how they are written. Those that were read before are not even made into
 * records:
 * `read` is asked for the others alone.
 */
export interface FingerprintedPage<R> {
  /** 16 bytes a row, over all that the row says and how it is understood: rows with equal ones are equal. */
  fingerprints: Buffer;
  /** Line of each row in its file. */
  lines: readonly number[];
  file?: string | undefined;
  /** The rows at these positions, as a page; to be asked for before the next page is. */
  read(positions: readonly number[]): RecordPage<R>;
}

/** What readers yield: pages, or bare arrays of records. */
export type Pages<R> = AsyncIterable<RecordPage<R> | FingerprintedPage<R> | readonly R[]>;

/** A page in its plain form, whatever a reader yielded. */
export function wholePage<R>(page: RecordPage<R> | FingerprintedPage<R> | readonly R[]): RecordPage<R> {
  if (Array.isArray(page)) return { records: page };
  if ('fingerprints' in page) return page.read(page.lines.map((_, position) => position));
  return page as RecordPage<R>;
}
