import type { AttendanceSheet } from './attendance-sheet.js';
import type { CourseRecord, GroupRecord, MembershipRecord, Pages, StudentRecord, TeacherRecord } from './external-record.js';
import { MappingEntityType } from './mapping-entity-type.js';
import type { ConnectionReport, ConnectorContext, ReadRowsAgain, SendResult, SISConnector, SyncResult } from './sis-connector.js';

/**
 * The base most connectors extend: they write readers, and this class brings what they read into the roster.
 * Config and credentials have passed the schemas of the connector's definition before `open` is called.
 */
export abstract class RosterConnector<Config, Credentials = Record<string, never>> implements SISConnector {
  protected config!: Config;
  protected credentials!: Credentials;

  constructor(protected readonly context: ConnectorContext) {}

  async connect(config: Record<string, unknown>, credentials: Record<string, string>): Promise<boolean> {
    this.config = config as Config;
    this.credentials = credentials as Credentials;
    await this.open();
    return true;
  }

  async disconnect(): Promise<void> {
    await this.close();
  }

  /** Opens the connection; throws ConnectorError with a sentence when refused. */
  protected async open(): Promise<void> {}

  /** Lets go of everything; may be called twice, and without `open`. */
  protected async close(): Promise<void> {}

  abstract testConnection(): Promise<ConnectionReport>;
  abstract students(): Pages<StudentRecord>;
  abstract courses(): Pages<CourseRecord>;
  /** Optional readers: leave out what the system does not have. */
  teachers?(): Pages<TeacherRecord>;
  groups?(): Pages<GroupRecord>;
  /** Memberships in this role: read with the students (STUDENT) and with the groups (TEACHER). */
  memberships?(role: 'STUDENT' | 'TEACHER'): Pages<MembershipRecord>;
  /** Reads rows of a file once more, to give them back; only for files whose pages have a `table`. */
  rowsAgain?(...of: Parameters<ReadRowsAgain>): ReturnType<ReadRowsAgain>;
  /** Sends a sheet whose ids are the school's. */
  abstract send(sheet: AttendanceSheet): Promise<SendResult>;

  syncStudents(_institutionId?: string): Promise<SyncResult> {
    return this.context.sync(MappingEntityType.STUDENT, {
      entities: this.students(),
      memberships: this.memberships?.('STUDENT'),
      rowsAgain: this.rowsAgain?.bind(this),
    });
  }

  syncCourses(_institutionId?: string): Promise<SyncResult> {
    return this.context.sync(MappingEntityType.COURSE, { entities: this.courses(), rowsAgain: this.rowsAgain?.bind(this) });
  }

  get syncTeachers(): SISConnector['syncTeachers'] {
    const read = this.teachers?.bind(this);
    return (
      read && (() => this.context.sync(MappingEntityType.TEACHER, { entities: read(), rowsAgain: this.rowsAgain?.bind(this) }))
    );
  }

  get syncGroups(): SISConnector['syncGroups'] {
    const read = this.groups?.bind(this);
    return (
      read &&
      (() =>
        this.context.sync(MappingEntityType.GROUP, {
          entities: read(),
          memberships: this.memberships?.('TEACHER'),
          rowsAgain: this.rowsAgain?.bind(this),
        }))
    );
  }

  sendAttendance(_sessionId: string, sheet: AttendanceSheet): Promise<SendResult> {
    return this.send(sheet);
  }
}
