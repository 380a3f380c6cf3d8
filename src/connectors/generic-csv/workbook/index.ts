import { ConnectorError } from '../../connector-error.js';
import type { CsvFile, MergedCells, OtherSheet } from '../csv-file.js';
import { describeWorkbook, type Workbook } from './describe-workbook.js';
import { damaged, noList, openParts, readWhole } from './parts.js';
import { readFirstRows, readSheet } from './sheet-rows.js';

export { NOT_CALCULATED } from './sheet-rows.js';

const MARK = '\uFEFF';
const DELIMITER = ';';
/** A stated width is believed so far: what is wider comes from a style that goes on to the end. */
const MOST_STATED = 100;
/** All text that a sheet comes to; one text may stand in many cells. */
const MOST_BYTES = 256 * 1024 * 1024;
/** Other sheets that are looked at, and of each the first rows. */
const [MOST_OTHERS, FIRST_ROWS] = [50, 31];

export function isWorkbookName(name: string): boolean {
  return /\.xls[xm]$/i.test(name);
}

/**
 * The sheet of a workbook as a CSV file: UTF-8 with a mark, semicolons, a line for each row, so that line 7
 * is row 7. Every row has as many cells as the widest before it.
 */
export function workbookAsCsv(file: CsvFile, sheet: string | undefined): CsvFile {
  let opened: Promise<Workbook> | undefined;
  let sheetName: string | undefined;
  let merged: readonly MergedCells[] = [];
  const open = async () => {
    const bytes = await readWhole(file);
    refuseOthers(file.name, bytes);
    const workbook = await describeWorkbook(await openParts(file.name, bytes), sheet);
    sheetName = workbook.sheet.name;
    return workbook;
  };
  return {
    ...file,
    delimiter: DELIMITER,
    sheet: () => sheetName,
    merged: () => merged,
    async otherSheets() {
      opened ??= open();
      const workbook = await opened;
      const found: OtherSheet[] = [];
      for (const other of workbook.others.slice(0, MOST_OTHERS))
        found.push({ name: other.name, rows: await readFirstRows(workbook, other, FIRST_ROWS) });
      return found;
    },
    async *read() {
      opened ??= open();
      merged = yield* writeLines(await opened);
    },
    async close() {
      opened = undefined;
      await file.close();
    },
  };
}

/** Returns the cells of several rows that were made one. */
async function* writeLines(workbook: Workbook): AsyncGenerator<Buffer, readonly MergedCells[]> {
  let line = 0;
  let width = 0;
  let bytes = 0;
  yield Buffer.from(MARK);
  const sheet = readSheet(workbook);
  while (true) {
    const next = await sheet.next();
    if (next.done) return next.value;
    const { rows, statedColumns } = next.value;
    let text = '';
    width = Math.max(width, Math.min(statedColumns, MOST_STATED));
    for (const { number, cells } of rows) {
      width = Math.max(width, cells.length);
      text += '\n'.repeat(number - line - 1);
      text += cells.map(quoted).join(DELIMITER);
      text += DELIMITER.repeat(width - cells.length);
      text += '\n';
      line = number;
    }
    const chunk = Buffer.from(text);
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw noList(workbook.parts.file, 'its sheet has more than 256 MiB of text');
    yield chunk;
  }
}

function quoted(cell: string): string {
  return cell.includes(DELIMITER) || cell.includes('"') ? `"${cell.replaceAll('"', '""')}"` : cell;
}

const START = 8;
/** Of an .ods: the first file in it says what it is. */
const SAID_FIRST = 200;

/** Whether these bytes, of a file that begins as an old workbook does, hold a new one with a password. */
export function hasPassword(bytes: Buffer): boolean {
  return bytes.includes('EncryptedPackage', 0, 'utf16le');
}

/** Names what a file is that is called a workbook and is none. */
function refuseOthers(name: string, bytes: Buffer): void {
  const begins = (hex: string) => bytes.toString('hex', 0, START).startsWith(hex);
  const say = (what: string) => new ConnectorError(`${name} is no workbook (.xlsx) ${what}`);
  if (begins('504b0304')) {
    if (bytes.subarray(0, SAID_FIRST).includes('opendocument.spreadsheet'))
      throw say('but a spreadsheet of LibreOffice (.ods). Save it there as .xlsx.');
    return;
  }
  if (bytes.length === 0) throw new ConnectorError(`${name} is empty. Save the workbook again.`);
  if (begins('d0cf11e0a1b11ae1') && hasPassword(bytes))
    throw new ConnectorError(`${name} has a password. Save it without one and put it in again.`);
  if (begins('d0cf11e0a1b11ae1'))
    throw say('but one of an old Excel (.xls). Open it there and save it as .xlsx.');
  if (!bytes.subarray(0, START).includes(0))
    throw say(
      'but begins like a text. If it is a CSV file, let its name end in .csv; else save it as .xlsx.',
    );
  throw damaged(name, new Error('it does not begin like a workbook'));
}
