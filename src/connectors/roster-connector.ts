import type { AttendanceSheet } from './attendance-sheet.js';
import { ConnectorError } from './connector-error.js';
import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  Pages,
  RecordIssue,
  StudentRecord,
  TeacherRecord,
} from './external-record.js';
import type { GivenFile, TakenFile } from './given-file.js';
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

/** A single entity, as the school's system has it. */
export interface OneEntity {
  /** As the list of its entity type has it, with the id that was asked for. */
  record: StudentRecord | TeacherRecord | CourseRecord | GroupRecord;
  /** Its memberships that come with the entity type, as far as they are known. */
  memberships?: readonly MembershipRecord[] | undefined;
  issues?: readonly RecordIssue[] | undefined;
}

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
  /**
   * Optional: reads one entity by its id in the school's system, for an event that names it. The types it reads are
   * declared as `readsOne`. null: the system says that it has no such entity, or has it no longer. undefined: it
   * cannot be told without the list, which is then read. Throws as readers do.
   */
  one?(entityType: MappingEntityType, externalId: string): Promise<OneEntity | null | undefined>;
  /** Reads rows of a file once more, to give them back; only for files whose pages have a `table`. */
  rowsAgain?(...of: Parameters<ReadRowsAgain>): ReturnType<ReadRowsAgain>;
  /**
   * Optional: takes a file that somebody gives to the integration, in place of the one it has. Throws
   * ConnectorError when it is none that can be read.
   */
  takeFile?(file: GivenFile): Promise<TakenFile>;
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

  /**
   * What a sync of single entities reads: these alone, whom it asks for one by one. Undefined when one of them cannot
   * be told without the list.
   */
  async single(
    entityType: MappingEntityType,
    externalIds: readonly string[],
  ): Promise<RecordSource | undefined> {
    const found: OneEntity[] = [];
    const gone: string[] = [];
    for (const externalId of externalIds) {
      this.context.signal.throwIfAborted();
      const one = await this.one?.(entityType, externalId);
      if (one === undefined) return undefined;
      if (one === null) gone.push(externalId);
      else found.push(asAskedFor(one, externalId));
    }
    const records = found.map(({ record }) => record);
    const issues = found.flatMap((one) => one.issues ?? []);
    const memberships = found.flatMap((one) => one.memberships ?? []);
    const pageOf = async function* <R>(page: R) {
      yield page;
    };
    return {
      entities: pageOf({ records, issues, gone }) as RecordSource['entities'],
      memberships: MEMBERSHIPS_WITH[entityType] && pageOf(memberships),
      partial: true,
    };
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

/** A system that answers with another entity has not been asked what was meant. */
function asAskedFor(one: OneEntity, externalId: string): OneEntity {
  const given = one.record.externalId?.trim().normalize('NFC');
  if (given === externalId) return one;
  throw new ConnectorError(
    `The school system was asked for ${externalId}, and gave ${given || 'somebody without an id'}. Nothing was changed.`,
  );
}
