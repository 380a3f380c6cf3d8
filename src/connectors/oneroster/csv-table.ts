import { ConnectorError } from '../connector-error.js';
import type { RecordIssue } from '../external-record.js';
import {
  type CsvFile,
  type CsvRow,
  isInPowers,
  type ListEnds,
  lookAtEncoding,
  readRows,
  swallowedRows,
} from '../generic-csv/index.js';

/** A row by the names of its columns, in lower case; cells are trimmed. */
export interface TableRow {
  line: number;
  get(column: string): string | undefined;
}

export interface TablePage {
  rows: TableRow[];
  issues: RecordIssue[];
  /** Why the file may not be whole, in a sentence. */
  gap?: string | undefined;
}

/**
 * The rows of a CSV file of OneRoster, comma separated, below a header whose order does not matter. Throws
 * ConnectorError when one of the `needed` columns is missing, or the file cannot be read to its end. `ends`: what is
 * remembered of how files end, where they may be cut off.
 */
export async function* readTable(
  given: CsvFile,
  needed: readonly string[],
  signal: AbortSignal,
  ends?: ListEnds,
): AsyncGenerator<TablePage> {
  const look = await lookAtEncoding(given.read());
  const { file, doubt } = ends?.watch(given, look) ?? { file: given, doubt: async () => undefined };
  const issues = look.encoding === 'windows-1252' ? [notUtf8(file.name)] : [];
  let columns: Map<string, number> | undefined;
  let width = 0;
  const dialect = { ...look, delimiter: ',' as const, headers: [], headerLine: 0 };
  for await (const batch of readRows(file, dialect, signal)) {
    const page: TablePage = { rows: [], issues: issues.splice(0) };
    for (const row of batch) {
      const { line, cells } = row;
      if (cells.every((cell) => cell.trim() === '')) continue;
      if (!columns) {
        columns = columnsOf(file.name, cells, needed);
        width = cells.length;
        continue;
      }
      const known = columns;
      if (isHeaderAgain(cells, known)) continue;
      const problem = problemOf(row, width, known);
      if (problem) page.issues.push({ ...problem, severity: 'error', file: file.name, line });
      else page.rows.push({ line, get: (column) => cells[known.get(column.toLowerCase()) ?? -1]?.trim() });
    }
    yield page;
  }
  if (!columns)
    throw new ConnectorError(`${file.name} is empty. Its first line must hold the names of the columns.`);
  const gap = await doubt();
  if (gap !== undefined) yield { rows: [], issues: [], gap };
}

function columnsOf(name: string, cells: readonly string[], needed: readonly string[]): Map<string, number> {
  const columns = new Map<string, number>();
  for (const [position, cell] of cells.entries()) {
    const column = cell.trim().toLowerCase();
    if (column !== '' && columns.has(column))
      throw new ConnectorError(`${name} has two columns named "${cell.trim()}". Remove one of them.`);
    columns.set(column, position);
  }
  const missing = needed.filter((column) => !columns.has(column.toLowerCase()));
  if (missing.length === 0) return columns;
  const seen = cells.map((cell) => cell.trim().slice(0, 40)).slice(0, 20);
  throw new ConnectorError(
    `${name} has no column ${missing.join(', ')}; its first line is: ${seen.join(', ')}. Export it as OneRoster CSV, separated by commas.`,
  );
}

/** Files that were put one below the other have the header between them. */
function isHeaderAgain(cells: readonly string[], columns: ReadonlyMap<string, number>): boolean {
  return [...columns].every(([column, position]) => cells[position]?.trim().toLowerCase() === column);
}

function problemOf(
  row: CsvRow,
  width: number,
  columns: ReadonlyMap<string, number>,
): Omit<RecordIssue, 'severity'> | undefined {
  const { cells } = row;
  let used = cells.length;
  while (used > width && (cells[used - 1] as string).trim() === '') used -= 1;
  if (used !== width) {
    return {
      rule: 'row.ragged',
      problem: `the row has ${used} columns where the header has ${width}`,
      hint: 'Look for a comma too many or too few; a value that holds a comma needs quotes around it.',
    };
  }
  if (cells.some((cell) => cell.includes('\0'))) {
    const hint = 'The file is damaged there, or is no text file. Export it again.';
    return { rule: 'value.nul', problem: 'the row holds a NUL character', hint };
  }
  return swallowedRows(row) ?? idInPowers(cells, columns);
}

/** Of a list that went through a spreadsheet. */
function idInPowers(
  cells: readonly string[],
  columns: ReadonlyMap<string, number>,
): Omit<RecordIssue, 'severity'> | undefined {
  for (const [column, position] of columns) {
    const value = cells[position]?.trim();
    if (!column.endsWith('sourcedid') || !isInPowers(value)) continue;
    return {
      rule: 'value.powers',
      problem: `${column} "${value}" is a number without its last digits, as a spreadsheet shows long ones`,
      column,
      value,
      hint: 'Give the files as they were exported, without saving them in a spreadsheet.',
    };
  }
  return undefined;
}

function notUtf8(name: string): RecordIssue {
  return {
    severity: 'warning',
    rule: 'file.encoding',
    problem: 'the file is not UTF-8 and was read as Windows-1252; look whether the accents are right',
    file: name,
    hint: 'OneRoster files are UTF-8: export them so.',
  };
}
