import type { AttendanceSheet } from './attendance-sheet.js';
import { ConnectorError } from './connector-error.js';
import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  Pages,
  StudentRecord,
  TeacherRecord,
} from './external-record.js';
import { MappingEntityType } from './mapping-entity-type.js';
import type {
  ConnectionReport,
  ConnectorContext,
  ReadRowsAgain,
  RecordSource,
  SchoolConnector,
  SendResult,
} from './sis-connector.js';

/** Whose memberships come with the entities of a type. */
const MEMBERSHIPS_WITH: Partial<Record<MappingEntityType, 'STUDENT' | 'TEACHER'>> = {
  [MappingEntityType.STUDENT]: 'STUDENT',
  [MappingEntityType.GROUP]: 'TEACHER',
};

/**
 * The base most connectors extend: they write readers, from which a sync pulls.
 * Config and credentials have passed the schemas of the connector's definition before `open` is called.
 */
export abstract class RosterConnector<Config, Credentials = Record<string, never>>
  implements SchoolConnector
{
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
  /** Optional readers: leave out what the system does not have. */
  courses?(): Pages<CourseRecord>;
  teachers?(): Pages<TeacherRecord>;
  groups?(): Pages<GroupRecord>;
  /** Memberships in this role: read with the students (STUDENT) and with the groups (TEACHER). */
  memberships?(role: 'STUDENT' | 'TEACHER'): Pages<MembershipRecord>;
  /** Reads rows of a file once more, to give them back; only for files whose pages have a `table`. */
  rowsAgain?(...of: Parameters<ReadRowsAgain>): ReturnType<ReadRowsAgain>;
  /**
   * Sends a sheet whose ids are the school's. A connector without it only reads; its capabilities say so
   * (`sendsAttendance: false`).
   */
  send?(sheet: AttendanceSheet): Promise<SendResult>;

  /** All that a sync of one entity type reads; undefined when the connector has no reader for it. */
  source(entityType: MappingEntityType): RecordSource | undefined {
    const entities = this.#reader(entityType);
    if (!entities) return undefined;
    const role = MEMBERSHIPS_WITH[entityType];
    return { entities, memberships: role && this.memberships?.(role), rowsAgain: this.rowsAgain?.bind(this) };
  }

  #reader(entityType: MappingEntityType): RecordSource['entities'] | undefined {
    switch (entityType) {
      case MappingEntityType.STUDENT:
        return this.students();
      case MappingEntityType.COURSE:
        return this.courses?.();
      case MappingEntityType.TEACHER:
        return this.teachers?.();
      case MappingEntityType.GROUP:
        return this.groups?.();
    }
  }

  async sendAttendance(_sessionId: string, sheet: AttendanceSheet): Promise<SendResult> {
    if (this.send) return this.send(sheet);
    throw new ConnectorError('This connector only reads: it cannot send attendance.');
  }
}
