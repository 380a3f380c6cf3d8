import type { RecordIssue } from './external-record.js';
import type { MappingEntityType } from './mapping-entity-type.js';
import type { ConnectorContext } from './sis-connector.js';

/** A file that somebody gives to an integration. */
export interface GivenFile {
  /** As it is called where it comes from; without a folder. */
  name: string;
  /** What it holds, for example "students"; undefined: its name says so. */
  list: string | undefined;
  content: AsyncIterable<Uint8Array>;
  /** Whether to tell how it would be understood, and keep nothing. */
  validateOnly: boolean;
  /**
   * Called once it is known how the file is understood and that it differs from the one there: does `place`,
   * which puts it there, and may be called again, while no other file of the integration is put anywhere.
   */
  keep(taken: TakenFile, place: () => Promise<void>): Promise<void>;
}

/** The integration that files are given to, and where they may lie. */
export type GivenTo = Pick<ConnectorContext, 'files' | 'integrationId'>;

/** A file that was taken, and how it is understood. */
export interface TakenFile {
  /** As it is called now. */
  name: string;
  sizeBytes: number;
  /** SHA-256 of its bytes, in hexadecimal digits. */
  sha256: string;
  /** Whether the same bytes were there already. */
  unchanged: boolean;
  /** The lists that are read from it. */
  lists: readonly UnderstoodList[];
}

/** How a list of a file is understood. */
export interface UnderstoodList {
  /** For example "students". */
  list: string;
  /** undefined: memberships, which belong to no type. */
  entityType: MappingEntityType | undefined;
  /** Of a workbook, the sheet that is read. */
  sheet: string | undefined;
  /** Line of the header. */
  headerLine: number;
  columns: readonly UnderstoodColumn[];
  /** The first rows, a cell for each column. */
  rows: readonly { line: number; cells: readonly string[] }[];
  rowCount: number;
  errorCount: number;
  warningCount: number;
  /** The first of what is not right, as far as the list alone tells it. */
  issues: readonly RecordIssue[];
}

export interface UnderstoodColumn {
  /** As it is written. */
  header: string;
  /** What it is taken for; undefined: it is not used. */
  field: string | undefined;
  /** Whether it is kept as metadata. */
  isMetadata: boolean;
}
