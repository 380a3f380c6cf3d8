import { ConnectorError } from '../connector-error.js';
import type {
  FingerprintedPage,
  MembershipRecord,
  RecordIssue,
  RecordPage,
  RecordTable,
} from '../external-record.js';
import type { UnderstoodList } from '../given-file.js';
import { type CsvConfig, FILE_KINDS, type FileKind, NO_FILE, sheetOf } from './csv-config.js';
import type { CsvFile, CsvFolder } from './csv-file.js';
import { GroupsOfStudents } from './csv-groups.js';
import { type CsvColumns, findErrorColumn, recogniseHeaders } from './csv-headers.js';
import { readLines } from './csv-lines.js';
import {
  type Converted,
  type CsvRecord,
  type EntityKind,
  type EntityReading,
  isReadable,
  toEntityRecord,
  toMembershipRecord,
  withoutError,
} from './csv-records.js';
import { type CsvDialect, type CsvRow, detectDialect, readRows } from './csv-rows.js';
import {
  absenceOf,
  absenceOfMemberships,
  encodingWarning,
  newerWorkbookWarning,
  titleWarning,
} from './csv-sentences.js';
import { CsvStates } from './csv-states.js';
import { findLackingGroups } from './lacking-groups.js';
import type { ListEnds } from './list-ends.js';
import { ListTally } from './list-tally.js';
import { lookAt } from './look-at.js';
import { newerWorkbook, openCsv } from './open-csv.js';
import { watchFile } from './watch-file.js';
import { isWorkbookName } from './workbook/index.js';

/** Columns that speak of others: rows with them say something anew although they are as they were. */
const REFERRING = ['groupExternalId', 'groupCourse', 'groupLetter', 'teacherExternalId', 'courseExternalId'];

/** What a look at a file found. */
export interface CsvFileReport {
  name: string;
  sizeBytes: number;
  modifiedAt: Date;
  dialect: CsvDialect;
  columns: CsvColumns;
  /** Of a workbook, the sheet that is read. */
  sheet: string | undefined;
}

/** A file that was read, and how it was then. */
interface ReadFile extends Pick<CsvFile, 'sizeBytes' | 'modifiedAt'> {
  kind: FileKind;
  dialect: CsvDialect;
  errorAt: number;
  isPacked: boolean;
}

/** What students.csv says of groups. */
interface NamedByStudents {
  file: string;
  groups: GroupsOfStudents;
  /** Rows that could not be understood. */
  unreadable: number;
  /** Why the file may not be whole, a sentence each. */
  gaps: string[];
  /** Whether it holds some of the students on purpose. */
  partial: boolean;
}

/** A larger file is not read once more: that would take as long as the sync itself. */
const MOST_BYTES_AGAIN = 50_000_000;
const MOST_PACKED_BYTES_AGAIN = 5_000_000;

/** The files of one school. */
export class CsvSource {
  readonly #config: CsvConfig;
  readonly #folder: CsvFolder;
  readonly #signal: AbortSignal;
  readonly #integrationId: string;
  readonly #ends: ListEnds | undefined;
  readonly #read = new Map<string, ReadFile>();
  /** Which of the files are there: those that were looked for. */
  readonly #there = new Map<FileKind, Promise<boolean>>();
  /** Read once: what a group is called must be the same wherever it is spoken of. */
  #named: Promise<NamedByStudents | undefined> | undefined;

  /** `ends`: what is remembered of how lists end; without it nothing is. */
  constructor({
    config,
    folder,
    signal,
    integrationId,
    ends,
  }: {
    config: CsvConfig;
    folder: CsvFolder;
    signal: AbortSignal;
    integrationId: string;
    ends?: ListEnds;
  }) {
    this.#integrationId = integrationId;
    this.#ends = ends;
    this.#config = config;
    this.#folder = folder;
    this.#signal = signal;
  }

  /**
   * Looks at a file without reading it; undefined when there is none. Throws ConnectorError when it cannot be
   * worked with.
   */
  async look(kind: FileKind): Promise<CsvFileReport | undefined> {
    const file = await this.#open(kind);
    if (!file) return undefined;
    return lookAt(file, async () => {
      const { name, sizeBytes, modifiedAt } = file;
      const { dialect, columns } = await this.#describe(file, kind);
      return { name, sizeBytes, modifiedAt, dialect, columns, sheet: file.sheet?.() };
    });
  }

  /**
   * Reads a list as a sync does, and tells how it is understood: what its columns are taken for, its first
   * rows, and what is wrong with rows that are looked at one by one. Throws ConnectorError when the file is not
   * there, or cannot be worked with.
   */
  async understand(kind: FileKind): Promise<UnderstoodList> {
    const file = await this.#open(kind);
    if (!file) throw new ConnectorError(`${this.#config.files[kind]} is not there.`);
    return lookAt(file, async () => {
      const { dialect, columns, errorAt } = await this.#describe(file, kind);
      const states = new CsvStates(this.#config.states);
      const tally = new ListTally(ofFile(file, dialect));
      for await (const rows of readRows(file, dialect, this.#signal)) {
        for (const given of rows) {
          const row = errorAt < 0 ? given : withoutError(given, errorAt);
          if (isReadable(row, columns) === 'blank') continue;
          const { issues } =
            kind === 'memberships'
              ? toMembershipRecord(row, columns)
              : toEntityRecord(row, columns, { states });
          tally.add(row, issues);
        }
      }
      return tally.told(kind, { dialect, columns, sheet: file.sheet?.(), more: states.questions() });
    });
  }

  /**
   * Pages of the entities of a file; where there is none, what students.csv tells of them, or a page that
   * says so. Throws ConnectorError when none of the files is there.
   */
  async *entities(kind: EntityKind): AsyncGenerator<RecordPage<CsvRecord> | FingerprintedPage<CsvRecord>> {
    const states = new CsvStates(this.#config.states);
    const named = kind === 'students' ? await this.#namedByStudents() : undefined;
    const groupsAbsent = named && absenceOf(this.#config, 'groups', { records: named.groups.groups() });
    const groupsInDoubt = groupsAbsent !== undefined;
    const reading: EntityReading = { states, groups: named?.groups, groupsInDoubt };
    if (yield* this.#pages(kind, (row, columns) => toEntityRecord(row, columns, reading), { groupsAbsent })) {
      const issues = states.questions();
      const [file] = [...this.#read].find(([, read]) => read.kind === kind) ?? [];
      if (issues.length > 0) yield { file, records: [], issues };
      const isPartial = (this.#read.get(file ?? '')?.errorAt ?? -1) >= 0;
      const doubt = kind === 'groups' && !isPartial && (await this.#lackingGroups());
      if (doubt) yield { file, records: [], ...doubt };
      return;
    }
    await this.#requireAny(kind);
    const told = await this.#toldByStudents(kind);
    const absent = absenceOf(this.#config, kind, told);
    yield { ...(told ?? { records: [] }), ...(absent && { absent }) };
  }

  /**
   * Pages of the memberships in one role. A row that cannot be understood may be of any role: it is an error
   * in both.
   */
  async *memberships(
    role: 'STUDENT' | 'TEACHER',
  ): AsyncGenerator<RecordPage<MembershipRecord> | FingerprintedPage<MembershipRecord>> {
    const name = this.#config.files.memberships;
    if (name === NO_FILE) {
      yield { records: [], none: true };
      return;
    }
    let rows = 0;
    const inRole = (row: CsvRow, columns: CsvColumns): Converted<MembershipRecord> => {
      const { record, issues } = toMembershipRecord(row, columns);
      rows += 1;
      return { ...(record?.role === role && { record }), issues };
    };
    const isThere = yield* this.#pages('memberships', inRole);
    if (rows > 0) return;
    yield { records: [], absent: absenceOfMemberships(name, isThere) };
  }

  /**
   * The rows that begin on these lines of a file that was read: none when it is another by now, or a large
   * one.
   */
  async *rowsAgain(name: string, lines: ReadonlySet<number>): AsyncGenerator<CsvRow> {
    const before = this.#read.get(name);
    if (!before || before.sizeBytes > (before.isPacked ? MOST_PACKED_BYTES_AGAIN : MOST_BYTES_AGAIN)) return;
    const file = await this.#open(before.kind);
    try {
      const isSame =
        file?.name === name && file.sizeBytes === before.sizeBytes && +file.modifiedAt === +before.modifiedAt;
      if (!file || !isSame) return;
      let left = lines.size;
      for await (const rows of readRows(file, before.dialect, this.#signal)) {
        for (const row of rows) {
          if (!lines.has(row.line)) continue;
          left -= 1;
          yield before.errorAt < 0 ? row : withoutError(row, before.errorAt);
        }
        if (left === 0) return;
      }
    } finally {
      await file?.close();
    }
  }

  /** Undefined when there is no such file. */
  async #open(kind: FileKind): Promise<CsvFile | undefined> {
    const name = this.#config.files[kind];
    if (name === NO_FILE) return undefined;
    const sheet = sheetOf(this.#config, kind);
    const file = await openCsv(this.#folder, name, sheet);
    if (!file || !isWorkbookName(file.name) || typeof this.#config.sheet !== 'object') return file;
    // One workbook may hold several lists.
    return { ...file, name: `${file.name} (${sheet ?? 'first sheet'})` };
  }

  #isThere(kind: FileKind): Promise<boolean> {
    const look = async () => {
      const file = await this.#open(kind);
      await file?.close();
      return file !== undefined;
    };
    // What cannot be opened is there all the same: whoever reads it says what is wrong with it.
    const known = this.#there.get(kind) ?? look().catch(() => true);
    this.#there.set(kind, known);
    return known;
  }

  /** A folder without any of the files is the wrong one, or is not mounted. */
  async #requireAny(kind: EntityKind): Promise<void> {
    for (const other of FILE_KINDS) if (await this.#isThere(other)) return;
    throw new ConnectorError(
      `${this.#config.files[kind]} is not where the files are imported from, nor is any of the others. Look whether config.importPath (or s3Prefix) is the right folder, and whether config.files has their names.`,
    );
  }

  /**
   * Groups, and courses where the settings say so, as students.csv names them; undefined where it does not.
   */
  async #toldByStudents(kind: EntityKind): Promise<RecordPage<CsvRecord> | undefined> {
    const { coursesFromStudents } = this.#config;
    if (kind !== 'groups' && !(kind === 'courses' && coursesFromStudents)) return undefined;
    const named = await this.#namedByStudents();
    if (!named) return undefined;
    const { file, groups, unreadable, partial, gaps } = named;
    const withCourse = coursesFromStudents && !(await this.#isThere('courses'));
    const records = groups.groups().map(({ courseExternalId, ...group }) => ({
      ...group,
      ...(withCourse && { courseExternalId }),
    }));
    const warning = kind === 'groups' ? groups.warning(file) : undefined;
    const unread = `${unreadable} ${unreadable === 1 ? 'row' : 'rows'} of ${file} could not be read, and may name other ${kind}.`;
    const [gap] = unreadable > 0 ? [unread] : gaps;
    return {
      file,
      records: (kind === 'groups' ? records : groups.courses()) as CsvRecord[],
      ...(warning && { issues: [warning] }),
      ...(gap && { gap }),
      ...(partial && { partial }),
    };
  }

  #lackingGroups() {
    const rowsOf = async function* (this: CsvSource, kind: FileKind) {
      const file = await this.#open(kind);
      if (!file) return;
      try {
        const { dialect, columns } = await this.#describe(file, kind);
        if (kind !== 'groups' && !columns.positions.has('groupExternalId')) return;
        for await (const rows of readRows(file, dialect, this.#signal))
          yield { file: file.name, rows, columns };
      } catch (error) {
        // What is wrong with a list is told when that is synced.
        if (kind === 'groups' || !(error instanceof ConnectorError)) throw error;
      } finally {
        await file.close();
      }
    };
    return findLackingGroups(rowsOf.bind(this), this.#config.states);
  }

  /** The groups that students.csv names; undefined where it names none, or groups.csv says which there are. */
  #namedByStudents(): Promise<NamedByStudents | undefined> {
    this.#named ??= this.#readNamed();
    return this.#named;
  }

  async #readNamed(): Promise<NamedByStudents | undefined> {
    if (await this.#isThere('groups')) return undefined;
    const opened = await this.#open('students');
    if (!opened) return undefined;
    try {
      const { dialect, columns, errorAt } = await this.#describe(opened, 'students');
      if (!GroupsOfStudents.areIn(columns)) return undefined;
      const { file, doubts } = watchFile(opened, { dialect, columns, errorAt, ends: this.#ends });
      const groups = new GroupsOfStudents(columns);
      let unreadable = 0;
      for await (const rows of readRows(file, dialect, this.#signal)) {
        for (const given of rows) {
          const row = errorAt < 0 ? given : withoutError(given, errorAt);
          const readable = isReadable(row, columns);
          if (readable === true) groups.note(row);
          else if (readable === false) unreadable += 1;
        }
      }
      const gaps = (await doubts()).map(({ gap }) => gap);
      return { file: file.name, groups, unreadable, gaps, partial: errorAt >= 0 };
    } finally {
      await opened.close();
    }
  }

  /** Returns false when there is no such file. */
  async *#pages<R>(
    kind: FileKind,
    convert: (row: CsvRow, columns: CsvColumns) => Converted<R>,
    ofEach: Pick<RecordPage<R>, 'groupsAbsent'> = {},
  ): AsyncGenerator<RecordPage<R> | FingerprintedPage<R>, boolean> {
    const opened = await this.#open(kind);
    if (!opened) return false;
    const { name, sizeBytes, modifiedAt } = opened;
    try {
      const { dialect, columns, errorAt } = await this.#describe(opened, kind);
      this.#read.set(name, { kind, sizeBytes, modifiedAt, dialect, errorAt, isPacked: isPacked(opened) });
      const { file, doubts } = watchFile(opened, { dialect, columns, errorAt, ends: this.#ends });
      const atEnd = async (): Promise<RecordPage<R>[]> =>
        (await doubts()).map((doubt) => ({ file: name, records: [], ...doubt }));
      // Failed rows that come back corrected are not all there are.
      const of = {
        ...ofEach,
        file: name,
        columns: columns.names,
        table: tableOf(dialect, errorAt),
        ...(errorAt >= 0 && { partial: true }),
      };
      const newer = await newerWorkbook(this.#folder, file);
      const issues = [...(newer ? [newerWorkbookWarning(name, newer)] : []), ...ofFile(file, dialect)];
      if (issues.length > 0) yield { ...of, records: [], issues };
      const toPage = (rows: readonly CsvRow[]): RecordPage<R> => {
        const records: R[] = [];
        const issues: RecordIssue[] = [];
        for (const row of rows) {
          const converted = convert(errorAt < 0 ? row : withoutError(row, errorAt), columns);
          if (converted.record !== undefined) records.push(converted.record);
          if (converted.issues.length > 0) issues.push(...converted.issues);
        }
        return { ...of, records, issues };
      };
      if (
        kind !== 'memberships' &&
        dialect.isPlain &&
        !REFERRING.some((field) => columns.positions.has(field))
      ) {
        // What a line means depends on the columns too.
        const seed = JSON.stringify([
          this.#integrationId,
          kind,
          dialect.delimiter,
          dialect.encoding,
          dialect.headers,
          this.#config.columns[kind],
          this.#config.states,
          this.#config.metadata,
        ]);
        for await (const { lines, fingerprints, rows } of readLines(file, dialect, {
          seed,
          signal: this.#signal,
        })) {
          yield { file: name, lines, fingerprints, read: (positions) => toPage(rows(positions)) };
        }
        yield* await atEnd();
        return true;
      }
      for await (const rows of readRows(file, dialect, this.#signal)) yield toPage(rows);
      yield* await atEnd();
      return true;
    } finally {
      await opened.close();
    }
  }

  async #describe(file: CsvFile, kind: FileKind) {
    const overrides = this.#config.columns[kind];
    const dialect = await detectDialect(file, kind, overrides);
    const errorAt = findErrorColumn(dialect.headers, overrides);
    const headers = headersOf(dialect, errorAt);
    const tellsGroups = kind === 'students' && !(await this.#isThere('groups'));
    const { metadata } = this.#config;
    const columns = recogniseHeaders({ kind, file: file.name, headers, overrides, tellsGroups, metadata });
    return { dialect, errorAt, columns };
  }
}

/** What is to be said of a file as a whole. */
function ofFile({ name }: CsvFile, dialect: CsvDialect): RecordIssue[] {
  return [
    ...(dialect.encoding === 'windows-1252' ? [encodingWarning(name)] : []),
    ...(dialect.titles.length > 0 ? [titleWarning(name, dialect)] : []),
  ];
}

function headersOf({ headers }: CsvDialect, errorAt: number): string[] {
  return errorAt < 0 ? headers : headers.slice(0, errorAt);
}

function isPacked({ name, sheet }: CsvFile): boolean {
  return sheet !== undefined || name.endsWith('.gz');
}

function tableOf(dialect: CsvDialect, errorAt: number): RecordTable {
  const { delimiter, encoding, bomBytes } = dialect;
  return { header: headersOf(dialect, errorAt), delimiter, encoding, bom: bomBytes > 0 };
}
