import type { RecordIssue } from '../external-record.js';
import type { CsvColumns } from './csv-headers.js';
import { NOT_CALCULATED } from './workbook/index.js';

/** What spreadsheets write where a formula has no result, in English and in Spanish. */
const FAILED = new Set([
  ...['#N/A', '#REF!', '#VALUE!', '#DIV/0!', '#NAME?', '#NUM!', '#NULL!', '#SPILL!', '#CALC!', '#FIELD!'],
  ...['#BLOCKED!', '#CONNECT!', '#BUSY!', '#GETTING_DATA', '#UNKNOWN!', '#EXTERNAL!', '#N/D', '#¡REF!'],
  ...['#¡VALOR!', '#¡DIV/0!', '#¿NOMBRE?', '#¡NUM!', '#¡NULO!', '#¡DESBORDAMIENTO!', '#¡CALC!'],
  NOT_CALCULATED,
]);
/** Fields whose values are looked at later: one that is none is left out with a warning, and the row comes in. */
const CHECKED = new Set(['email', 'birthDate', 'enrolledOn', 'status']);
const SIGN = '#'.charCodeAt(0);

export function isFailedFormula(value: string): boolean {
  return value.charCodeAt(0) === SIGN && FAILED.has(value.trim());
}

/** The error of a row in which a formula failed in the column of a field; undefined where none did. */
export function failedFormula(
  cells: readonly string[],
  { positions, names }: CsvColumns,
  line: number,
): RecordIssue | undefined {
  for (const [field, position] of positions) {
    const value = cells[position] ?? '';
    if (!isFailedFormula(value) || CHECKED.has(field)) continue;
    const column = names[field];
    const place = { severity: 'error', rule: 'value.formula', line, column, value: value.trim() } as const;
    if (value === NOT_CALCULATED) {
      return {
        ...place,
        problem: 'the cell holds a formula whose result is not stored in the workbook',
        hint: 'Open the workbook in Excel or LibreOffice, save it, and put it in again.',
      };
    }
    return {
      ...place,
      problem: `the cell holds ${value.trim()}: a formula there has no result`,
      hint: 'Correct the formula, or write the value in its place.',
    };
  }
  return undefined;
}
