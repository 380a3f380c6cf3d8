import type { AttendanceSheet } from '../attendance-sheet.js';
import { ConnectorError } from '../connector-error.js';
import type {
  CourseRecord,
  FingerprintedPage,
  GroupRecord,
  MembershipRecord,
  Pages,
  RecordIssue,
  RecordPage,
  StudentRecord,
  TeacherRecord,
} from '../external-record.js';
import type { GivenFile, TakenFile } from '../given-file.js';
import { RosterConnector } from '../roster-connector.js';
import type { ConnectionCheck, ConnectionReport, ReadRowsAgain, SendResult } from '../sis-connector.js';
import { attendanceFile, attendanceFileName } from './attendance-file.js';
import {
  type CsvConfig,
  type CsvCredentials,
  FILE_KINDS,
  type FileKind,
  importFolder,
  NO_FILE,
  UPLOADS,
} from './csv-config.js';
import { type CsvFileReport, CsvSource } from './csv-source.js';
import { ListEnds } from './list-ends.js';
import { localFolder } from './local-folder.js';
import { spellingsOf } from './open-csv.js';
import type { ChosenSet, S3Bucket } from './s3-bucket.js';
import { takeFile } from './take-file.js';

const DELIMITER_NAMES = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'pipe' } as const;

/** A school's files in a local folder or a bucket: the roster comes from there, attendance goes beside it. */
export class GenericCsvConnector extends RosterConnector<CsvConfig, CsvCredentials> {
  #bucket: S3Bucket | undefined;
  #set: Promise<ChosenSet> | undefined;
  #opened: Promise<CsvSource> | undefined;

  protected override async open(): Promise<void> {
    const { context, config, credentials } = this;
    if (config.s3Bucket) {
      // Loaded where it is needed: it is as large as all the rest of the service.
      const { S3Bucket } = await import('./s3-bucket.js');
      this.#bucket = new S3Bucket({ context, config, credentials });
      return;
    }
    const folder = importFolder(config, context.integrationId);
    // Nothing may have been uploaded yet.
    if (config.importPath === UPLOADS) await context.files.makeFolder(folder);
    else await context.files.folder(folder);
  }

  override takeFile(file: GivenFile): Promise<TakenFile> {
    return takeFile(this.context, this.config, file);
  }

  async testConnection(): Promise<ConnectionReport> {
    const source = await this.#source();
    const files = await Promise.all(FILE_KINDS.map((kind) => this.#check(source, kind)));
    const checks = [...files, ...(await this.#checkExport())];
    const broken = checks.filter(({ ok }) => !ok);
    if (broken.length > 0)
      return { success: false, message: broken.map(({ message }) => message).join(' '), checks };
    if (files.every(({ details }) => details === undefined)) {
      return { success: false, message: nothingThere(this.config), checks };
    }
    return { success: true, checks: [...(await this.#describeSet()), ...checks] };
  }

  students(): Pages<StudentRecord> {
    return this.#read((source) => source.entities('students'));
  }

  override teachers(): Pages<TeacherRecord> {
    return this.#read((source) => source.entities('teachers'));
  }

  override courses(): Pages<CourseRecord> {
    return this.#read((source) => source.entities('courses'));
  }

  override groups(): Pages<GroupRecord> {
    return this.#read((source) => source.entities('groups'));
  }

  override async *memberships(role: 'STUDENT' | 'TEACHER'): Pages<MembershipRecord> {
    yield* (await this.#source()).memberships(role);
  }

  override async *rowsAgain(file: string, lines: ReadonlySet<number>): ReturnType<ReadRowsAgain> {
    yield* (await this.#source()).rowsAgain(file, lines);
  }

  override async send(sheet: AttendanceSheet): Promise<SendResult> {
    const { files } = this.context;
    const { exportPath, s3ExportPrefix } = this.config;
    const name = attendanceFileName(sheet);
    const content = attendanceFile(sheet);
    const folder = exportPath && (await files.makeFolder(exportPath));
    // An older sheet must not take the place of one that another process has written meanwhile.
    this.context.assertMaySend();
    if (folder) await files.replace(folder, name, content);
    else if (this.#bucket)
      await this.#bucket.upload([s3ExportPrefix, name].filter(Boolean).join('/'), content);
    else throw new ConnectorError('config.exportPath is not set: there is no folder to write attendance to.');
    // The file is stored: that is as sure as it can be.
    await this.context.delivered(sheet.rows.map(({ studentId }) => ({ studentId, status: 'CONFIRMED' })));
    return { success: true, sent: sheet.rows.length, errors: [] };
  }

  async *#read<R>(
    read: (source: CsvSource) => Pages<R>,
  ): AsyncGenerator<RecordPage<R> | FingerprintedPage<R> | readonly R[]> {
    const source = await this.#source();
    const { passedOver } = (await this.#set) ?? {};
    if (passedOver) yield { records: [], issues: [setPassedOver(passedOver)] };
    yield* read(source);
  }

  /** The files: of the folder, or of the set in the bucket that is chosen once for the whole operation. */
  #source(): Promise<CsvSource> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async #open(): Promise<CsvSource> {
    const { config, context } = this;
    this.#set ??= this.#bucket?.newestSet(
      Object.values(config.files).filter((name) => name !== NO_FILE),
      spellingsOf,
    );
    const folder =
      (await this.#set) ?? localFolder(context.files, importFolder(config, context.integrationId));
    const { signal, integrationId, memory } = context;
    return new CsvSource({ config, folder, signal, integrationId, ends: new ListEnds(memory) });
  }

  async #describeSet(): Promise<ConnectionCheck[]> {
    const set = await this.#set;
    if (!set) return [];
    return [
      {
        name: 'bucket',
        ok: true,
        message: [`${set.title} is read`, set.passedOver].filter(Boolean).join('; '),
      },
    ];
  }

  /** A folder that is not there yet is made when it is needed; one that lies outside never can be. */
  async #checkExport(): Promise<ConnectionCheck[]> {
    const { exportPath } = this.config;
    if (!exportPath) return [];
    const name = 'exportPath';
    try {
      await this.context.files.requireInside(exportPath);
      return [];
    } catch (error) {
      if (!(error instanceof ConnectorError)) throw error;
      return [{ name, ok: false, message: error.message }];
    }
  }

  async #check(source: CsvSource, kind: FileKind): Promise<ConnectionCheck> {
    const name = this.config.files[kind];
    try {
      const report = await source.look(kind);
      if (report) return describe(report);
      return {
        name,
        ok: true,
        message: name === NO_FILE ? `The school has no ${kind}.` : `${name} is not there.`,
      };
    } catch (error) {
      if (!(error instanceof ConnectorError)) throw error;
      return { name, ok: false, message: error.message };
    }
  }
}

/** That none of the files is there, and what to do. */
function nothingThere({ files, importPath }: CsvConfig): string {
  const names = [...new Set(Object.values(files).filter((name) => name !== NO_FILE))].join(', ');
  if (importPath === UPLOADS)
    return `Nothing was uploaded yet. Upload ${names}, or the same as workbooks (.xlsx): in the console, or by smartid upload.`;
  return `The import folder holds none of ${names}, nor the same as workbooks (.xlsx).`;
}

function setPassedOver(passedOver: string): RecordIssue {
  return {
    severity: 'warning',
    rule: 'set.incomplete',
    problem: `an older set was read: ${passedOver}`,
    hint: 'Upload the missing files; or remove the older folders if the school no longer has them.',
  };
}

function describe({ name, sizeBytes, modifiedAt, dialect, columns, sheet }: CsvFileReport): ConnectionCheck {
  const delimiter = DELIMITER_NAMES[dialect.delimiter];
  const written = sheet === undefined ? `${delimiter}, ${dialect.encoding}` : `sheet "${sheet}"`;
  const recognised = Object.entries(columns.names).map(([field, header]) => `${header} → ${field}`);
  const unrecognised = columns.unrecognised.map((column) => column.name);
  const kept = (columns.metadata ?? []).map((column) => column.name);
  const dropped = unrecognised.filter((column) => !kept.includes(column));
  const rest = [
    kept.length > 0 ? `; kept as metadata: ${kept.join(', ')}` : '',
    dropped.length > 0 ? `; not used: ${dropped.join(', ')}` : '',
    dialect.titles.length > 0 ? `; the header is on line ${dialect.headerLine}, below a title` : '',
  ].join('');
  const size = `${Math.max(1, Math.round(sizeBytes / 1_000)).toLocaleString('en')} kB`;
  const day = modifiedAt.toISOString().slice(0, 10);
  return {
    name,
    ok: true,
    message: `${name}: ${size}, changed ${day}, ${written}; columns ${recognised.join(', ')}${rest}.`,
    details: {
      sizeBytes,
      modifiedAt: modifiedAt.toISOString(),
      ...(sheet === undefined ? { delimiter, encoding: dialect.encoding } : { sheet }),
      columns: columns.names,
      unrecognised,
      metadata: kept,
      headerLine: dialect.headerLine,
    },
  };
}
