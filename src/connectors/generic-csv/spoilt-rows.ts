import type { RecordIssue } from '../external-record.js';
import type { CsvColumns } from './csv-headers.js';
import type { CsvRow } from './csv-rows.js';

/** How spreadsheets show a number that is too long for its column: most of its digits are lost. */
const POWERS = /^[+-]?\d(?:[.,]\d+)?E\+\d{2,}$/i;
/** So many characters of a value are shown. */
const SHOWN = 80;
/** Fields by which people and groups are told apart. */
const TELLING = [
  'externalId',
  'nationalId',
  'code',
  'groupExternalId',
  'courseExternalId',
  'teacherExternalId',
  'personExternalId',
  'studentExternalId',
];

/** The error of a row that holds others, because a quotation in it is not closed. */
export function swallowedRows({ line, swallowed }: CsvRow): RecordIssue | undefined {
  if (swallowed === undefined) return undefined;
  return {
    severity: 'error',
    rule: 'row.quotation',
    problem: `a quotation in the row is not closed, and takes in the rows down to line ${line + swallowed - 1}`,
    line,
    hint: 'Look for a " that stands alone on one of these lines.',
  };
}

/**
 * The error of a row in which a spreadsheet wrote an id in powers of ten: one id is then that of many. Where it is
 * not the row's own, the row still tells whose it is.
 */
export function idInPowers(
  cells: readonly string[],
  { positions, names }: CsvColumns,
  line: number,
): RecordIssue | undefined {
  const found = TELLING.find((field) => isInPowers(cells[positions.get(field) ?? -1]));
  if (!found) return undefined;
  const own = cells[positions.get('externalId') ?? -1];
  const value = (cells[positions.get(found) ?? -1]?.trim() ?? '').slice(0, SHOWN);
  return {
    severity: 'error',
    rule: 'value.powers',
    problem: `${names[found]} "${value}" is a number without its last digits, as a spreadsheet shows long ones`,
    line,
    column: names[found],
    value,
    hint: 'Format the column as text, or as a number without decimals, and export the file again.',
    ...(own?.trim() && !isInPowers(own) && { externalId: own }),
  };
}

export function isInPowers(cell: string | undefined): boolean {
  return cell?.includes('+') === true && POWERS.test(cell.trim());
}
