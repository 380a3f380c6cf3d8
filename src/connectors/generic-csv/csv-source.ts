import type { FileHandle } from 'node:fs/promises';
import { ConnectorError } from '../connector-error.js';
import type { MembershipRecord, RecordIssue, RecordPage } from '../external-record.js';
import type { ConfinedFiles } from '../sis-connector.js';
import type { CsvConfig, FileKind } from './csv-config.js';
import { type CsvColumns, recogniseHeaders } from './csv-headers.js';
import { type Converted, type CsvRecord, type EntityKind, toEntityRecord, toMembershipRecord } from './csv-records.js';
import { type CsvDialect, type CsvRow, detectDialect, readRows } from './csv-rows.js';

/** What a look at a file found. */
export interface CsvFileReport {
  name: string;
  sizeBytes: number;
  modifiedAt: Date;
  dialect: CsvDialect;
  columns: CsvColumns;
}

/** The files of one school in one folder. */
export class CsvSource {
  readonly #config: CsvConfig;
  readonly #files: ConfinedFiles;
  readonly #signal: AbortSignal;

  constructor({ config, files, signal }: { config: CsvConfig; files: ConfinedFiles; signal: AbortSignal }) {
    this.#config = config;
    this.#files = files;
    this.#signal = signal;
  }

  /** Looks at a file without reading it; undefined when there is none. Throws ConnectorError when it cannot be worked with. */
  async look(kind: FileKind): Promise<CsvFileReport | undefined> {
    const name = this.#config.files[kind];
    const file = await this.#open(kind);
    if (!file) return undefined;
    try {
      const { size, mtime } = await file.stat();
      return { name, sizeBytes: size, modifiedAt: mtime, ...(await this.#describe(file, name, kind)) };
    } finally {
      await file.close();
    }
  }

  /** Pages of the entities of a file. Throws ConnectorError when it is not there. */
  async *entities(kind: EntityKind): AsyncGenerator<RecordPage<CsvRecord>> {
    const name = this.#config.files[kind];
    if (!(yield* this.#pages(kind, toEntityRecord))) {
      throw new ConnectorError(`${name} is not in the import folder. Put it there, or set config.files.${kind} to its name.`);
    }
  }

  /** Pages of the memberships in one role; none when there is no such file. Issues of the file come with the students. */
  async *memberships(role: 'STUDENT' | 'TEACHER'): AsyncGenerator<RecordPage<MembershipRecord>> {
    const inRole = (row: CsvRow, columns: CsvColumns): Converted<MembershipRecord> => {
      const { record, issues } = toMembershipRecord(row, columns);
      return { ...(record?.role === role && { record }), issues: role === 'STUDENT' ? issues : [] };
    };
    yield* this.#pages('memberships', inRole);
  }

  /** Returns false when there is no such file. */
  async *#pages<R>(
    kind: FileKind,
    convert: (row: CsvRow, columns: CsvColumns) => Converted<R>,
  ): AsyncGenerator<RecordPage<R>, boolean> {
    const name = this.#config.files[kind];
    const file = await this.#open(kind);
    if (!file) return false;
    try {
      const { dialect, columns } = await this.#describe(file, name, kind);
      const of = { file: name, columns: columns.names };
      if (dialect.encoding === 'windows-1252') yield { ...of, records: [], issues: [encodingWarning(name)] };
      for await (const rows of readRows(file, name, dialect, this.#signal)) {
        const records: R[] = [];
        const issues: RecordIssue[] = [];
        for (const row of rows) {
          const converted = convert(row, columns);
          if (converted.record !== undefined) records.push(converted.record);
          if (converted.issues.length > 0) issues.push(...converted.issues);
        }
        yield { ...of, records, issues };
      }
      return true;
    } finally {
      await file.close();
    }
  }

  async #open(kind: FileKind): Promise<FileHandle | undefined> {
    const folder = await this.#files.folder(this.#config.importPath);
    return this.#files.open(folder, this.#config.files[kind]);
  }

  async #describe(file: FileHandle, name: string, kind: FileKind) {
    const dialect = await detectDialect(file, name, kind);
    const overrides = this.#config.columns[kind];
    return { dialect, columns: recogniseHeaders({ kind, file: name, headers: dialect.headers, overrides }) };
  }
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
