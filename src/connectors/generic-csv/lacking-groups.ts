import type { RecordIssue } from '../external-record.js';
import type { FileKind } from './csv-config.js';
import type { CsvColumns } from './csv-headers.js';
import { isReadable } from './csv-records.js';
import type { CsvRow } from './csv-rows.js';
import { CsvStates } from './csv-states.js';

/** The rows of one of the files, some at a time; none where it is not there or cannot be read. */
export type RowsOf = (
  kind: FileKind,
) => AsyncIterable<{ file: string; rows: readonly CsvRow[]; columns: CsvColumns }>;

/** Where a group is named. */
interface Place {
  file: string;
  line: number;
}

/** So many groups that groups.csv lacks are named in a sentence, and so many characters of each. */
const MOST_NAMED = 3;
const SHOWN = 80;

/**
 * Groups that rows of students or memberships name, and groups.csv lacks: then it is not whole, or they are not.
 * Undefined where it lacks none, and where it lacks most: their column holds something else than its ids. Students
 * who have left may be in groups that are over.
 */
export async function findLackingGroups(
  rowsOf: RowsOf,
  states: Readonly<Record<string, 'ACTIVE' | 'INACTIVE'>>,
): Promise<{ issues: RecordIssue[]; gap: string } | undefined> {
  const named = new Map<string, Place>();
  for (const kind of ['students', 'memberships'] as const) {
    const told = new CsvStates(states);
    for await (const { file, rows, columns } of rowsOf(kind)) {
      for (const row of rows) {
        const status = columns.positions.get('status');
        const hasLeft =
          status !== undefined && told.read(row.cells[status] ?? '', row.line, columns) === false;
        const id = hasLeft ? undefined : idIn(row, columns, 'groupExternalId');
        if (id !== undefined && !named.has(id)) named.set(id, { file, line: row.line });
      }
    }
  }
  const lacking = new Map(named);
  let list = '';
  if (named.size > 0) {
    for await (const { file, rows, columns } of rowsOf('groups')) {
      list = file;
      for (const row of rows) lacking.delete(idIn(row, columns, 'externalId') ?? '');
    }
  }
  if (lacking.size === 0 || lacking.size * 2 > named.size) return undefined;
  return doubtOf(list, [...lacking]);
}

function idIn(row: CsvRow, columns: CsvColumns, field: string): string | undefined {
  if (isReadable(row, columns) !== true) return undefined;
  return row.cells[columns.positions.get(field) ?? -1]?.trim().normalize('NFC') || undefined;
}

function doubtOf(
  list: string,
  lacking: readonly (readonly [string, Place])[],
): { issues: RecordIssue[]; gap: string } {
  const hint = `Export ${list} anew, or correct these rows.`;
  const named = lacking
    .slice(0, MOST_NAMED)
    .map(([id, { file, line }]) => `group "${shown(id)}", which ${file} line ${line} names`);
  const more = lacking.length > MOST_NAMED ? `, and ${lacking.length - MOST_NAMED} more` : '';
  return {
    issues: lacking.map(([id, { file, line }]) => ({
      severity: 'warning',
      rule: 'group.lacking',
      problem: `the row names group "${shown(id)}", which ${list} lacks`,
      file,
      line,
      value: id,
      hint,
    })),
    gap: `${list} lacks ${named.join('; ')}${more}. ${hint}`,
  };
}

function shown(id: string): string {
  return id.length > SHOWN ? `${id.slice(0, SHOWN)}…` : id;
}
