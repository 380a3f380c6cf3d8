import { ConnectorError } from '../connector-error.js';
import type {
  FingerprintedPage,
  MembershipRecord,
  RecordIssue,
  RecordPage,
  RecordTable,
} from '../external-record.js';
import type { CsvConfig, FileKind } from './csv-config.js';
import { type CsvFile, type CsvFolder, openCsv } from './csv-file.js';
import { type CsvColumns, findErrorColumn, recogniseHeaders } from './csv-headers.js';
import { readLines } from './csv-lines.js';
import {
  type Converted,
  type CsvRecord,
  type EntityKind,
  toEntityRecord,
  toMembershipRecord,
  withoutError,
} from './csv-records.js';
import { type CsvDialect, type CsvRow, detectDialect, readRows } from './csv-rows.js';

/** Columns that speak of others: rows with them say something anew although they are as they were. */
const REFERRING = ['groupExternalId', 'teacherExternalId', 'courseExternalId'];

/** What a look at a file found. */
export interface CsvFileReport {
  name: string;
  sizeBytes: number;
  modifiedAt: Date;
  dialect: CsvDialect;
  columns: CsvColumns;
}

/** A file that was read, and how it was then. */
interface ReadFile extends Pick<CsvFile, 'sizeBytes' | 'modifiedAt'> {
  kind: FileKind;
  dialect: CsvDialect;
  errorAt: number;
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
  readonly #read = new Map<string, ReadFile>();

  constructor({
    config,
    folder,
    signal,
    integrationId,
  }: { config: CsvConfig; folder: CsvFolder; signal: AbortSignal; integrationId: string }) {
    this.#integrationId = integrationId;
    this.#config = config;
    this.#folder = folder;
    this.#signal = signal;
  }

  /**
   * Looks at a file without reading it; undefined when there is none. Throws ConnectorError when it cannot be
   * worked with.
   */
  async look(kind: FileKind): Promise<CsvFileReport | undefined> {
    const file = await openCsv(this.#folder, this.#config.files[kind]);
    if (!file) return undefined;
    try {
      const { name, sizeBytes, modifiedAt } = file;
      const { dialect, columns } = await this.#describe(file, kind);
      return { name, sizeBytes, modifiedAt, dialect, columns };
    } finally {
      await file.close();
    }
  }

  /** Pages of the entities of a file. Throws ConnectorError when it is not there. */
  async *entities(kind: EntityKind): AsyncGenerator<RecordPage<CsvRecord> | FingerprintedPage<CsvRecord>> {
    const name = this.#config.files[kind];
    if (!(yield* this.#pages(kind, toEntityRecord))) {
      throw new ConnectorError(
        `${name} is not where the files are imported from. Put it there, or set config.files.${kind} to its name.`,
      );
    }
  }

  /**
   * Pages of the memberships in one role; none when there is no such file. A row that cannot be understood
   * may be of any role: it is an error in both.
   */
  async *memberships(
    role: 'STUDENT' | 'TEACHER',
  ): AsyncGenerator<RecordPage<MembershipRecord> | FingerprintedPage<MembershipRecord>> {
    const inRole = (row: CsvRow, columns: CsvColumns): Converted<MembershipRecord> => {
      const { record, issues } = toMembershipRecord(row, columns);
      return { ...(record?.role === role && { record }), issues };
    };
    yield* this.#pages('memberships', inRole);
  }

  /**
   * The rows that begin on these lines of a file that was read: none when it is another by now, or a large
   * one.
   */
  async *rowsAgain(name: string, lines: ReadonlySet<number>): AsyncGenerator<CsvRow> {
    const before = this.#read.get(name);
    if (!before || before.sizeBytes > (name.endsWith('.gz') ? MOST_PACKED_BYTES_AGAIN : MOST_BYTES_AGAIN))
      return;
    const file = await openCsv(this.#folder, this.#config.files[before.kind]);
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

  /** Returns false when there is no such file. */
  async *#pages<R>(
    kind: FileKind,
    convert: (row: CsvRow, columns: CsvColumns) => Converted<R>,
  ): AsyncGenerator<RecordPage<R> | FingerprintedPage<R>, boolean> {
    const file = await openCsv(this.#folder, this.#config.files[kind]);
    if (!file) return false;
    const { name, sizeBytes, modifiedAt } = file;
    try {
      const { dialect, columns, errorAt } = await this.#describe(file, kind);
      this.#read.set(name, { kind, sizeBytes, modifiedAt, dialect, errorAt });
      // Failed rows that come back corrected are not all there are.
      const of = {
        file: name,
        columns: columns.names,
        table: tableOf(dialect, errorAt),
        ...(errorAt >= 0 && { partial: true }),
      };
      if (dialect.encoding === 'windows-1252') yield { ...of, records: [], issues: [encodingWarning(name)] };
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
        ]);
        for await (const { lines, fingerprints, rows } of readLines(file, dialect, {
          seed,
          signal: this.#signal,
        })) {
          yield { file: name, lines, fingerprints, read: (positions) => toPage(rows(positions)) };
        }
        return true;
      }
      for await (const rows of readRows(file, dialect, this.#signal)) yield toPage(rows);
      return true;
    } finally {
      await file.close();
    }
  }

  async #describe(file: CsvFile, kind: FileKind) {
    const dialect = await detectDialect(file, kind);
    const overrides = this.#config.columns[kind];
    const errorAt = findErrorColumn(dialect.headers, overrides);
    const headers = headersOf(dialect, errorAt);
    return { dialect, errorAt, columns: recogniseHeaders({ kind, file: file.name, headers, overrides }) };
  }
}

function headersOf({ headers }: CsvDialect, errorAt: number): string[] {
  return errorAt < 0 ? headers : headers.slice(0, errorAt);
}

function tableOf(dialect: CsvDialect, errorAt: number): RecordTable {
  const { delimiter, encoding, bomBytes } = dialect;
  return { header: headersOf(dialect, errorAt), delimiter, encoding, bom: bomBytes > 0 };
}

function encodingWarning(name: string): RecordIssue {
  return {
    severity: 'warning',
    rule: 'file.encoding',
    problem: 'the file is not UTF-8 and was read as Windows-1252; look whether the accents are right',
    file: name,
    hint: 'Save it as "CSV UTF-8".',
  };
}
