import type { AttendanceSheet } from '../attendance-sheet.js';
import { ConnectorError } from '../connector-error.js';
import type { CourseRecord, GroupRecord, MembershipRecord, Pages, StudentRecord, TeacherRecord } from '../external-record.js';
import { RosterConnector } from '../roster-connector.js';
import type { ConnectionCheck, ConnectionReport, SendResult } from '../sis-connector.js';
import { attendanceFile, attendanceFileName } from './attendance-file.js';
import { type CsvConfig, FILE_KINDS, type FileKind } from './csv-config.js';
import { type CsvFileReport, CsvSource } from './csv-source.js';

const DELIMITER_NAMES = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'pipe' } as const;

/** A school's files in a local folder: the roster comes from it, attendance goes into another. */
export class GenericCsvConnector extends RosterConnector<CsvConfig> {
  #source!: CsvSource;

  protected override async open(): Promise<void> {
    const { files, signal } = this.context;
    await files.folder(this.config.importPath);
    if (this.config.exportPath) await files.folder(this.config.exportPath);
    this.#source = new CsvSource({ config: this.config, files, signal });
  }

  async testConnection(): Promise<ConnectionReport> {
    const checks = await Promise.all(FILE_KINDS.map((kind) => this.#check(kind)));
    const broken = checks.filter(({ ok }) => !ok);
    if (broken.length > 0) return { success: false, message: broken.map(({ message }) => message).join(' '), checks };
    if (checks.every(({ details }) => details === undefined)) {
      const names = Object.values(this.config.files).join(', ');
      return { success: false, message: `The import folder holds none of ${names}.`, checks };
    }
    return { success: true, checks };
  }

  students(): Pages<StudentRecord> {
    return this.#source.entities('students');
  }

  override teachers(): Pages<TeacherRecord> {
    return this.#source.entities('teachers');
  }

  courses(): Pages<CourseRecord> {
    return this.#source.entities('courses');
  }

  override groups(): Pages<GroupRecord> {
    return this.#source.entities('groups');
  }

  override memberships(role: 'STUDENT' | 'TEACHER'): Pages<MembershipRecord> {
    return this.#source.memberships(role);
  }

  async send(sheet: AttendanceSheet): Promise<SendResult> {
    const { exportPath } = this.config;
    if (!exportPath) throw new ConnectorError('config.exportPath is not set: there is no folder to write attendance to.');
    const { files } = this.context;
    await files.replace(await files.folder(exportPath), attendanceFileName(sheet), attendanceFile(sheet));
    return { success: true, sent: sheet.rows.length, errors: [] };
  }

  async #check(kind: FileKind): Promise<ConnectionCheck> {
    const name = this.config.files[kind];
    try {
      const report = await this.#source.look(kind);
      return report ? describe(report) : { name, ok: true, message: `${name} is not there.` };
    } catch (error) {
      if (!(error instanceof ConnectorError)) throw error;
      return { name, ok: false, message: error.message };
    }
  }
}

function describe({ name, sizeBytes, modifiedAt, dialect, columns }: CsvFileReport): ConnectionCheck {
  const delimiter = DELIMITER_NAMES[dialect.delimiter];
  const recognised = Object.entries(columns.names).map(([field, header]) => `${header} → ${field}`);
  const unrecognised = columns.unrecognised.map((column) => column.name);
  const rest = unrecognised.length > 0 ? `; kept as metadata: ${unrecognised.join(', ')}` : '';
  const size = `${Math.max(1, Math.round(sizeBytes / 1_000)).toLocaleString('en')} kB`;
  const day = modifiedAt.toISOString().slice(0, 10);
  return {
    name,
    ok: true,
    message: `${name}: ${size}, changed ${day}, ${delimiter}, ${dialect.encoding}; columns ${recognised.join(', ')}${rest}.`,
    details: {
      sizeBytes,
      modifiedAt: modifiedAt.toISOString(),
      delimiter,
      encoding: dialect.encoding,
      columns: columns.names,
      unrecognised,
    },
  };
}
