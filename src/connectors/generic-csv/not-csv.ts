import { ConnectorError } from '../connector-error.js';
import { hasPassword } from './workbook/index.js';

/** What begins like this is something else, and what to do about it. */
interface Format {
  what: string;
  todo: string;
  begins(start: Buffer, text: string): boolean;
}

const SAVE_AS = 'Open it there and save it as "CSV UTF-8"; changing its name is not enough.';
const hex = (bytes: string) => (start: Buffer) =>
  start.subarray(0, bytes.length / 2).toString('hex') === bytes;
const isZip = hex('504b0304');
const holds = (start: Buffer, name: string) => start.includes(name, 0, 'latin1');
const isMarkup = (text: string) => /^<[!?a-z]/i.test(text);

/** The first that fits counts. */
const FORMATS: readonly Format[] = [
  {
    what: 'an Excel workbook (.xlsx)',
    todo: 'Let its name end in .xlsx, so that its first sheet is read; or open it there and save it as "CSV UTF-8".',
    begins: (start) => isZip(start) && (holds(start, 'xl/') || holds(start, '[Content_Types].xml')),
  },
  {
    what: 'a spreadsheet of LibreOffice (.ods)',
    todo: SAVE_AS,
    begins: (start) => isZip(start) && holds(start, 'opendocument.spreadsheet'),
  },
  {
    what: 'a packed folder (.zip)',
    todo: 'Unpack it and put the files in; a single file may also be packed by gzip (.csv.gz).',
    begins: (start) => isZip(start) || hex('504b0506')(start),
  },
  {
    what: 'an Excel workbook with a password',
    todo: 'Save it without one, and let its name end in .xlsx.',
    begins: (start) => hex('d0cf11e0a1b11ae1')(start) && hasPassword(start),
  },
  {
    what: 'an old Excel workbook (.xls), or one with a password',
    todo: SAVE_AS,
    begins: (start) =>
      hex('d0cf11e0a1b11ae1')(start) || /^09(?:00|02|04|08)[0-9a-f]{2}00/.test(start.toString('hex', 0, 4)),
  },
  {
    what: 'packed by gzip',
    todo: 'Let its name end in .csv.gz.',
    begins: hex('1f8b08'),
  },
  {
    what: 'a packed archive',
    todo: 'Unpack it and put the files in.',
    begins: (start) => hex('526172211a07')(start) || hex('377abcaf271c')(start),
  },
  { what: 'a PDF', todo: 'Export the list as CSV, not as a document.', begins: hex('255044462d') },
  {
    what: 'an Excel workbook written as XML',
    todo: SAVE_AS,
    begins: (_, text) => isMarkup(text) && /Excel\.Sheet|office:spreadsheet/i.test(text),
  },
  {
    what: 'a web page that asks for a password',
    todo: 'The login of the school system was saved instead of the list: log in there and export it again.',
    begins: (_, text) =>
      isMarkup(text) && /<html|<!doctype html/i.test(text) && /type\s*=\s*["']?password/i.test(text),
  },
  {
    what: 'a web page',
    todo: 'If it shows the list in a table, open it in a spreadsheet and save it as "CSV UTF-8"; else export the list again.',
    begins: (_, text) => isMarkup(text) && /<(?:html|!doctype html|table|head|body)\b/i.test(text),
  },
  { what: 'XML', todo: 'Export the list as CSV.', begins: (_, text) => /^<\?xml\b/i.test(text) },
  {
    what: 'JSON',
    todo: 'Export the list as CSV.',
    begins: (_, text) => /^(?:\{\s*(?:"|\}\s*$)|\[\s*(?:[{["]|\]\s*$))/.test(text),
  },
];

/** Bytes in which zeros are counted, and how many of them make text impossible. */
const LOOK = 4_096;
const MOST_ZEROS = 0.02;

/**
 * Throws ConnectorError that names what a file is whose bytes begin like no CSV. `text`: the same beginning,
 * decoded.
 */
export function refuseOtherFormats(
  name: string,
  start: Buffer,
  { text, isUtf16 }: { text: string; isUtf16: boolean },
): void {
  const trimmed = text.trimStart();
  const format = FORMATS.find(({ begins }) => begins(start, trimmed));
  if (format) throw new ConnectorError(`${name} is no CSV but ${format.what}. ${format.todo}`);
  if (isUtf16) return;
  const look = start.subarray(0, LOOK);
  const zeros = look.filter((byte) => byte === 0).length;
  if (zeros > look.length * MOST_ZEROS && zeros > 4) {
    throw new ConnectorError(`${name} is no text file, or was damaged on its way. Export it again, as CSV.`);
  }
}
