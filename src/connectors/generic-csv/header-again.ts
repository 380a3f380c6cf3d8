import { ConnectorError } from '../connector-error.js';
import type { RecordIssue } from '../external-record.js';
import { type CsvColumns, isHeader, recogniseHeaders } from './csv-headers.js';

const MARK = '\uFEFF';

/**
 * Whether a row is a header once more: lists that were put one below the other have it between them. Throws
 * ConnectorError where the columns stand otherwise from there on, and every row below would be misread.
 */
export function repeatsHeader(cells: readonly string[], columns: CsvColumns, line: number): boolean {
  const { positions, by } = columns;
  const { kind, overrides } = by;
  // Most ids have a digit, and no header is looked for.
  const key = positions.get('externalId') ?? positions.get('groupExternalId') ?? 0;
  if (positions.size < 2 || /\d/.test(cells[key] ?? '') || !isHeader(kind, cells, overrides)) return false;
  const again = recogniseHeaders({ ...by, headers: cells });
  const isSame = [...positions].every(([field, position]) => again.positions.get(field) === position);
  if (isSame) return true;
  const shown = cells.map((cell) => cell.trim().slice(0, 40)).slice(0, 20);
  throw new ConnectorError(
    `${by.file} line ${line} is another header, with other columns than the first: ${shown.join(' | ')}. Bring both lists into the same columns, or export them as one. Nothing was changed.`,
  );
}

export function headerAgain(line: number): RecordIssue {
  return {
    severity: 'warning',
    rule: 'row.header',
    problem: 'the row is the header once more, and was passed over',
    line,
    hint: 'Nothing is lost if lists were put one below the other.',
  };
}

/**
 * A mark before a quotation makes its quotes part of the value: what comes behind a mark is the beginning of another
 * file that was put below.
 */
export function markInside(cells: readonly string[], line: number): RecordIssue | undefined {
  if (!cells[0]?.startsWith(`${MARK}"`)) return undefined;
  return {
    severity: 'error',
    rule: 'row.mark',
    problem: 'the row begins with a byte order mark, as another file that was put below',
    line,
    hint: 'Remove the invisible character at the beginning of the line, or export the lists as one file.',
  };
}
