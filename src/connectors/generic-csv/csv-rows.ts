import { type CsvError, parse } from 'csv-parse';
import { parse as parseSync } from 'csv-parse/sync';
import { ConnectorError } from '../connector-error.js';
import { fold } from './column-names.js';
import type { FileKind } from './csv-config.js';
import { type FileLook, lookAtEncoding, readAsUtf8 } from './csv-encoding.js';
import type { CsvFile } from './csv-file.js';
import { countRecognised, isHeader } from './csv-headers.js';
import { refuseOtherFormats } from './not-csv.js';

export type Delimiter = ',' | ';' | '\t' | '|';

/** How a file is written. */
export interface CsvDialect extends Omit<FileLook, 'start' | 'sample'> {
  delimiter: Delimiter;
  /** Cells of the header row. */
  headers: string[];
  /** Line of the header row: 2 when a spreadsheet wrote `sep=;` above it, more below a title. */
  headerLine: number;
  /** Rows above the header that are no part of the table, as they are written. */
  titles: readonly string[];
}

/** A row and the line it begins on. */
export interface CsvRow {
  line: number;
  cells: string[];
  /** How many lines a quotation took in, each of which is as good as a row: it was never meant to. */
  swallowed?: number;
}

const DELIMITERS: readonly Delimiter[] = [',', ';', '\t', '|'];
const SEPARATOR_LINE = /^sep=([,;\t|])\r?\n?$/i;
/** So many rows are looked at for the header: above it there may be a title. */
const MOST_HEADER_ROWS = 30;
/** Characters a row may have: a longer one is a quotation that is never closed. */
export const MAX_ROW = 1_000_000;

/** How csv-parse reads what schools write. */
export const PARSE_OPTIONS = {
  record_delimiter: ['\r\n', '\n', '\r'],
  // A quote inside a cell that does not begin with one is text: Pedro "Pepe" Soto.
  relax_quotes: true,
  // Ragged rows are told one by one, with their lines, not by stopping at the first.
  relax_column_count: true,
  max_record_size: MAX_ROW,
};

/**
 * Looks how a file is written. Throws ConnectorError when it is empty, or no CSV at all. `overrides`: headers
 * of fields, as the settings name them.
 */
export async function detectDialect(
  file: CsvFile,
  kind: FileKind,
  overrides: Readonly<Record<string, string>> = {},
): Promise<CsvDialect> {
  const { name } = file;
  const { sample, start, ...look } = await lookAtEncoding(file.read({ inPlace: true }));
  if (sample.replaceAll('\0', '').trim() === '')
    throw new ConnectorError(
      `${name} is empty. Its first line must hold the names of the columns; export it again.`,
    );
  if (!file.delimiter)
    refuseOtherFormats(name, start, { text: sample, isUtf16: look.encoding.startsWith('utf-16') });
  const firstLine = file.delimiter ? '' : sample.slice(0, sample.search(/[\r\n]|$/) + 1);
  const separator = SEPARATOR_LINE.exec(firstLine)?.[1] as Delimiter | undefined;
  const told = separator ?? file.delimiter;
  const candidates = (told ? [told] : DELIMITERS).map((delimiter) => {
    const rows = readFirstRows(sample, delimiter).slice(separator ? 1 : 0);
    const filled = rows.filter(({ cells }) => cells.some((cell) => cell.trim() !== ''));
    const fitting = filled.findIndex(({ cells }) => isHeader(kind, cells, overrides));
    const header = filled[Math.max(0, fitting)] ?? { line: 1, cells: [] };
    return {
      delimiter,
      header,
      titles: filled.slice(0, Math.max(0, fitting)).map(({ cells }) => cells.filter(Boolean).join(' ')),
      score:
        (fitting >= 0 ? 1_000_000 : 0) +
        countRecognised(kind, header.cells) * 1_000 +
        Math.min(999, header.cells.length),
    };
  });
  const { delimiter, header, titles } = candidates.reduce((a, b) => (b.score > a.score ? b : a));
  if (header.cells.every((cell) => fold(cell) === ''))
    throw new ConnectorError(`${name}: line ${header.line} holds no names of columns.`);
  return { ...look, delimiter, headers: header.cells, headerLine: header.line, titles };
}

function readFirstRows(sample: string, delimiter: Delimiter): CsvRow[] {
  const rows: CsvRow[] = [];
  let line = 1;
  try {
    parseSync(sample, {
      ...PARSE_OPTIONS,
      delimiter,
      to: MOST_HEADER_ROWS,
      on_record: (cells: string[]) => {
        rows.push({ line, cells });
        line += linesOf(cells);
      },
    });
  } catch {
    // The sample ends inside a quotation, or with this delimiter is no CSV at all: the rows before that
    // count.
  }
  return rows;
}

/**
 * The rows below the header, a batch at a time, each with the line that an editor shows. Throws
 * ConnectorError when the file ends inside a quotation, or a row has no end.
 */
export async function* readRows(
  file: CsvFile,
  dialect: Pick<CsvDialect, 'encoding' | 'bomBytes' | 'delimiter' | 'headerLine'>,
  signal: AbortSignal,
): AsyncGenerator<CsvRow[]> {
  const { name } = file;
  const parser = parse({ ...PARSE_OPTIONS, delimiter: dialect.delimiter });
  let line = 1;
  let batch: CsvRow[] = [];
  let failure: Error | undefined;
  parser.on('data', (cells: string[]) => {
    const lines = linesOf(cells);
    if (line > dialect.headerLine) {
      const isSpoilt = lines > 1 && areRows(cells, dialect.delimiter);
      batch.push(isSpoilt ? { line, cells, swallowed: lines } : { line, cells });
    }
    line += lines;
  });
  let onFailure = () => {};
  parser.on('error', (error) => {
    failure ??= error;
    onFailure();
  });
  const settle = (write: (done: () => void) => void) => {
    return new Promise<void>((resolve) => {
      onFailure = resolve;
      write(resolve);
    });
  };
  for await (const chunk of readAsUtf8(file.read(), dialect, name)) {
    signal.throwIfAborted();
    await settle((done) => parser.write(chunk, () => done()));
    if (failure) throw explain(failure, name, line);
    if (batch.length > 0) {
      yield batch;
      batch = [];
    }
  }
  await settle((done) => {
    parser.once('end', done);
    parser.end();
  });
  if (failure) throw explain(failure, name, line);
  if (batch.length > 0) yield batch;
}

/** Lines a row takes: one, and one more for each line break inside its cells. */
function linesOf(cells: readonly string[]): number {
  let lines = 1;
  for (const cell of cells) {
    if (cell.includes('\n') || cell.includes('\r')) lines += cell.match(/\r\n|\n|\r/g)?.length ?? 0;
  }
  return lines;
}

/**
 * Whether each line of a row with line breaks is a row of as many cells: a quotation that is not closed goes on to
 * the next quote, and takes in the rows between as one cell.
 */
function areRows(cells: readonly string[], delimiter: string): boolean {
  if (cells.length < 2) return false;
  return cells
    .join(delimiter)
    .split(/\r\n|\n|\r/)
    .every((line) => line.split(delimiter).length === cells.length);
}

function explain(error: Error, name: string, line: number): Error {
  switch ((error as CsvError).code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return new ConnectorError(
        `${name} ends inside a quotation; the row begins on line ${line}. The file is cut off, or a " is missing there. Nothing was changed.`,
      );
    case 'CSV_MAX_RECORD_SIZE':
      return rowTooLong(name, line);
    default:
      return error;
  }
}

export function rowTooLong(name: string, line: number): ConnectorError {
  return new ConnectorError(
    `${name} line ${line}: the row has more than ${MAX_ROW.toLocaleString('en')} characters. Probably a " is not closed there. Nothing was changed.`,
  );
}
