import { stringify } from 'csv-stringify/sync';
import { ERROR_COLUMN, type RecordTable } from '../../connectors/index.js';
import { encodeText } from './text-encoding.js';

/** A row of a file that failed. */
export interface FailedRow {
  /** Where it begins; null where nobody knows. */
  line: number | null;
  /** As the file has them. */
  cells: readonly string[];
  /** What is wrong with it. */
  sentences: readonly string[];
}

/** A record of a source without files that failed. */
export interface FailedRecord {
  externalId: string | null;
  column: string | null;
  value: string | null;
  reason: string;
}

/** Lines end in CRLF; a cell that holds half of one is quoted too. */
const LINES = { record_delimiter: 'windows', quote_record_delimiter: true };
/** With these a spreadsheet takes a text for a formula. */
const FORMULA = /^[=+\-@\t\r]/;
const MARK = '\uFEFF';

/**
 * Failed rows as a file that is written as the one they come from, with a last column that says what is
 * wrong. Cells are as they were. Rows that are too short are filled up; in rows that are too long the last
 * column stands behind what is too much, so that it is in its place once the row is put right.
 */
export function failedRowsCsv(table: RecordTable, rows: readonly FailedRow[]): Buffer {
  const { header, delimiter, encoding, bom } = table;
  const lines = rows.map(({ line, cells, sentences }) => {
    const missing = Math.max(0, header.length - cells.length);
    return [...cells, ...Array<string>(missing).fill(''), errorCell(line, sentences)];
  });
  const text = stringify([[...header, ERROR_COLUMN], ...lines], { delimiter, ...LINES });
  return encodeText(bom ? MARK + text : text, encoding);
}

/** Failed records as a list for a spreadsheet: UTF-8 with a mark. Nothing in it is to be a formula. */
export function failedRecordsCsv(records: readonly FailedRecord[]): Buffer {
  const rows = records.map(({ externalId, column, value, reason }) => [externalId, column, value, reason]);
  const columns = ['external_id', 'column', 'value', 'reason'];
  return Buffer.from(stringify(rows, { header: true, columns, bom: true, escape_formulas: true, ...LINES }));
}

function errorCell(line: number | null, sentences: readonly string[]): string {
  const text = `${line === null ? '' : `line ${line}: `}${[...new Set(sentences)].join('; ')}`;
  return FORMULA.test(text) ? `'${text}` : text;
}
