import type { FileHandle } from 'node:fs/promises';
import type { Logger } from '../observability/index.js';
import type { AttendanceSheet } from './attendance-sheet.js';
import type { ConnectorMemory } from './connector-memory.js';
import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  Pages,
  StudentRecord,
  TeacherRecord,
} from './external-record.js';
import type { HttpClient, HttpClientOptions, Outbound } from './http/index.js';
import type { MappingEntityType } from './mapping-entity-type.js';
import type { Secrets } from './secrets.js';

/**
 * What every connector does. One instance serves one operation: connect, then one or several of the others,
 * then disconnect (always, and it may be called twice or without connect).
 */
export interface SchoolConnector {
  /** Opens the connection. False, or an error with a sentence, when the school system refuses. */
  connect(config: Record<string, unknown>, credentials: Record<string, string>): Promise<boolean>;
  /** Looks whether the school system can be worked with; a report says more than a boolean. */
  testConnection(): Promise<boolean | ConnectionReport>;
  /** Sends one session's attendance; `sheet` holds it with the school's ids. */
  sendAttendance(sessionId: string, sheet: AttendanceSheet): Promise<SendResult>;
  disconnect(): Promise<void>;
}

/**
 * A connector that brings entities into SmartID itself and returns the pairs of ids: six methods.
 * `RosterConnector` is the richer way: a sync reads from it, and does the rest.
 */
export interface SISConnector extends SchoolConnector {
  syncStudents(institutionId: string): Promise<SyncResult>;
  syncCourses(institutionId: string): Promise<SyncResult>;
  /** Optional: without it, syncing GROUP is unimplemented. */
  syncGroups?(institutionId: string): Promise<SyncResult>;
  /** Optional: without it, syncing TEACHER is unimplemented. */
  syncTeachers?(institutionId: string): Promise<SyncResult>;
}

/** A pair of ids that a sync made or saw. */
export interface SyncedMapping {
  entityType: MappingEntityType;
  /** SmartID's id, a UUID. */
  internalId: string;
  /** The school's id. */
  externalId: string;
  metadata?: Record<string, unknown>;
}

export interface SyncResult {
  success: boolean;
  /** How many entities now stand in SmartID as the source has them. */
  synced: number;
  errors: string[];
  mappings: SyncedMapping[];
}

export interface SendResult {
  success: boolean;
  /** How many records the school system took. */
  sent: number;
  errors: string[];
  /** What is worth a look although it went well, a sentence each. */
  warnings?: string[] | undefined;
}

/** What became of one student's mark. */
export interface DeliveryOutcome {
  /** SmartID's id of the student, as in the sheet. */
  studentId: string;
  /**
   * SENT: the school system took it. CONFIRMED: and it was seen there, as it should be. FAILED: it is to be
   * sent again.
   */
  status: 'SENT' | 'CONFIRMED' | 'FAILED';
  /**
   * Why it failed, in a sentence without the student's name; of a mark that was taken, what is worth a look, as
   * that it overwrote one of somebody else.
   */
  reason?: string | undefined;
}

/** One thing that a connection test looked at. */
export interface ConnectionCheck {
  name: string;
  ok: boolean;
  /** What was found, in a sentence. */
  message: string;
  /** The same for programs; JSON values. */
  details?: Record<string, unknown>;
}

export interface ConnectionReport {
  success: boolean;
  /** Why not, when success is false. */
  message?: string;
  checks?: ConnectionCheck[];
}

/** Files of this machine, confined to the one folder that connectors may use. */
export interface ConfinedFiles {
  /**
   * What `open` and `replace` call an existing folder: its path below the one that connectors may use, links
   * resolved. Throws ConnectorError when it is missing or lies outside.
   */
  folder(path: string): Promise<string>;
  /** Throws ConnectorError when a folder lies outside, or would. */
  requireInside(path: string): Promise<void>;
  /** As `folder`; it is made when it is missing. Throws ConnectorError when it would lie outside. */
  makeFolder(path: string): Promise<string>;
  /**
   * Opens a file of such a folder for reading; undefined when there is none. Throws ConnectorError when a
   * link leads outside.
   */
  open(folder: string, name: string): Promise<FileHandle | undefined>;
  /**
   * Writes a file of such a folder, in one step: readers see the old content or the new, never a part.
   */
  replace(
    folder: string,
    name: string,
    content: string | Uint8Array | AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /**
   * Writes a file of such a folder under a hidden name of its own, which it returns: `rename` gives it its name. When
   * the process dies before that, `sweep` removes it.
   */
  stage(folder: string, content: string | Uint8Array | AsyncIterable<Uint8Array>): Promise<string>;
  /** Gives a file of such a folder another name there, in one step; what had that name is gone. */
  rename(folder: string, name: string, to: string): Promise<void>;
  /** Removes a file of such a folder; whether there was one does not matter. */
  remove(folder: string, name: string): Promise<void>;
  /** Names of all that is in a folder; none where there is no such folder. */
  list(folder: string): Promise<string[]>;
  /**
   * Removes what processes that died while they wrote files left in a folder, where it was last written to before
   * `before`; returns how many files went. A folder that is not there is as an empty one.
   */
  sweep(folder: string, before: Date): Promise<number>;
}

/** What the operator says about S3. */
export interface S3Defaults {
  /** Address of the service; undefined: AWS. */
  endpoint: string | undefined;
  /** Whether buckets stand in the path instead of the host name. */
  forcePathStyle: boolean;
}

/** What a connector is handed when it is made. It needs nothing else of the service. */
export interface ConnectorContext {
  integrationId: string;
  institutionId: string;
  /** IANA name of the institution's time zone. */
  timeZone: string;
  logger: Logger;
  /** Aborted when the operation is to stop. */
  signal: AbortSignal;
  /** Files on this machine that the connector may touch. */
  files: ConfinedFiles;
  /**
   * The way to school systems on the network: bounded, paced, repeated where it helps, and only to addresses
   * that are allowed.
   */
  http(options: Omit<HttpClientOptions, 'signal' | 'logger' | 'secrets'>): HttpClient;
  /**
   * What is below `http`, for libraries that bring a client of their own: guarded connections, and how to
   * wait.
   */
  outbound: Pick<Outbound, 'agents' | 'wait'>;
  /**
   * What is struck out of all that leaves the connector: its credentials, and what it adds itself, such as an
   * access token that it was given on the way. OAuth2Client adds its own.
   */
  secrets: Secrets;
  /** What the connector keeps between operations. */
  memory: ConnectorMemory;
  /** Where S3 is, unless a config says otherwise. */
  s3: S3Defaults;
  /**
   * The `cursor` of the last reading of this entity type; undefined when the next one must read everything:
   * there was none, a row of it was left out, or a person has intervened since.
   */
  cursor(entityType: MappingEntityType): Promise<string | undefined>;
  /**
   * Says what became of marks while they are being sent, so that it is known even when the process dies.
   * Marks that nothing is said of are judged by the SendResult.
   */
  delivered(outcomes: readonly DeliveryOutcome[]): Promise<void>;
  /**
   * Says that the school system has lost marks of `sheet.all` that are not in `sheet.rows`, so that the
   * connector is about to send them as well. Counts the attempt before it is made.
   */
  handOutAgain(studentIds: readonly string[]): Promise<void>;
  /**
   * Throws when another process may be sending by now. For calls that change something, before each of them.
   */
  assertMaySend(): void;
}

/** What a sync of one entity type reads: the entities, and the memberships that come with them. */
export interface RecordSource {
  entities: Pages<StudentRecord> | Pages<TeacherRecord> | Pages<CourseRecord> | Pages<GroupRecord>;
  memberships?: Pages<MembershipRecord> | undefined;
  /** These are some of the entities, not all: who is not among them has not vanished. */
  partial?: boolean | undefined;
  /** Reads rows of a file once more: see `RosterConnector.rowsAgain`. */
  rowsAgain?: ReadRowsAgain | undefined;
}

/**
 * The cells of the rows that begin on these lines of a file that was read before. Called when rows turn out
 * to be wrong after they were read: an id that came twice, a group that nobody knows. Nothing when the file
 * is another by now.
 */
export type ReadRowsAgain = (
  file: string,
  lines: ReadonlySet<number>,
) => AsyncIterable<{ line: number; cells: readonly string[] }>;
