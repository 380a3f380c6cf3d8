import type { RecordIssue } from '../external-record.js';
import type { ConnectionReport } from '../sis-connector.js';
import type { ListName, RecordOf } from './oneroster-wire.js';

/** A page of a list. */
export interface ListPage<L extends ListName> {
  rows: RecordOf<L>[];
  /** Rows that are no records. */
  issues: RecordIssue[];
  /** What a person would call the list: a file, or a list of the API. */
  file: string;
  /** How many records the source says the list has. */
  declaredTotal?: number | undefined;
  /** Why the list was not read whole, in a sentence. */
  gap?: string | undefined;
  /** Whether these are changes, or a part on purpose: who is not in it has not vanished. */
  partial: boolean;
}

/** Where the lists of a school come from: the API, or files. */
export interface OneRosterLists {
  /**
   * Pages of a list; `since`: of what changed since then, where the source can tell. Throws ConnectorError
   * when it cannot be read to its end.
   */
  pages<L extends ListName>(list: L, since?: Date): AsyncIterable<ListPage<L>>;
  /** Whether `pages` takes `since`. */
  readonly tellsChanges: boolean;
  check(): Promise<ConnectionReport>;
}

/** What stands in for a record that is none. `where`: the record, as a person would find it. */
export function unreadable(where: string, file: string, line?: number): RecordIssue {
  return {
    severity: 'error',
    rule: 'record.unreadable',
    problem: `${where} has no sourcedId`,
    file,
    line,
    column: 'sourcedId',
    hint: 'Every record of OneRoster needs a sourcedId. Correct it in the school system.',
  };
}
