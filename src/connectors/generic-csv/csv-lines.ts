import { hash } from 'node:crypto';
import { readAsUtf8 } from './csv-encoding.js';
import type { CsvFile } from './csv-file.js';
import { type CsvDialect, type CsvRow, MAX_ROW, rowTooLong } from './csv-rows.js';

const FINGERPRINT_BYTES = 16;
/** Bytes of the key before a line. */
const KEY_BYTES = 16;
/** No row that is short enough has more: a character takes three bytes at most. */
const MAX_ROW_BYTES = MAX_ROW * 3;
/** Room for most lines; it grows for a longer one. */
const ROOM_BYTES = 4 * 1_024;
const [NEWLINE, RETURN, SPACE, DELETE] = [0x0a, 0x0d, 0x20, 0x7f];

/** Rows that are lines, a batch at a time. */
export interface CsvLines {
  /** Line of each. */
  lines: number[];
  /** 16 bytes for each. */
  fingerprints: Buffer;
  /** The rows at these positions; to be asked for before the next batch is. */
  rows(positions: readonly number[]): CsvRow[];
}

/**
 * The rows below the header of a file without quotation marks, where every line is a row: told apart as bytes,
 * without being parsed. `seed` is what a line's meaning depends on beside itself.
 */
export async function* readLines(
  file: CsvFile,
  dialect: Pick<CsvDialect, 'encoding' | 'bomBytes' | 'delimiter' | 'headerLine'>,
  { seed, signal }: { seed: string; signal: AbortSignal },
): AsyncGenerator<CsvLines> {
  const { delimiter, headerLine } = dialect;
  const fingerprint = fingerprintsBy(seed);
  let line = 0;
  /** The beginning of a line that is not over yet. */
  let begun: Buffer = Buffer.alloc(0);

  /** The lines of some bytes, the last of which ends with them. */
  const take = (bytes: Buffer): CsvLines => {
    const lines: number[] = [];
    /** Where each row begins and ends. */
    const bounds: number[] = [];
    const fingerprints: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, at);
      const next = newline < 0 ? bytes.length : newline + 1;
      const before = newline < 0 ? next : newline;
      const end = before > at && bytes[before - 1] === RETURN ? before - 1 : before;
      line += 1;
      if (line > headerLine && !isBlank(bytes, at, end)) {
        if (isTooLong(bytes, at, end)) throw rowTooLong(file.name, line);
        fingerprints.push(fingerprint(bytes, at, end));
        lines.push(line);
        bounds.push(at, end);
      }
      at = next;
    }
    // Without quotation marks every delimiter ends a cell.
    const rows = (positions: readonly number[]) =>
      positions.map(
        (position): CsvRow => ({
          line: lines[position] as number,
          cells: bytes.toString('utf8', bounds[position * 2], bounds[position * 2 + 1]).split(delimiter),
        }),
      );
    return { lines, fingerprints: Buffer.from(fingerprints.join(''), 'latin1'), rows };
  };

  for await (const chunk of readAsUtf8(file.read({ inPlace: true }), dialect, file.name)) {
    signal.throwIfAborted();
    const first = chunk.indexOf(NEWLINE) + 1;
    const last = chunk.lastIndexOf(NEWLINE) + 1;
    if (first > 0 && begun.length > 0) {
      yield take(Buffer.concat([begun, chunk.subarray(0, first)]));
      begun = Buffer.alloc(0);
      if (last > first) yield take(chunk.subarray(first, last));
    } else if (last > 0) yield take(chunk.subarray(0, last));
    begun = Buffer.concat([begun, chunk.subarray(last)]);
    if (begun.length > MAX_ROW_BYTES) throw rowTooLong(file.name, line + 1);
  }
  if (begun.length > 0) yield take(begun);
}

/** 128 bits of SHA-256 over a key and a line, as text of a character a byte. */
function fingerprintsBy(seed: string): (bytes: Buffer, start: number, end: number) => string {
  const key = hash('sha256', seed, 'hex').slice(0, KEY_BYTES);
  let keyed = Buffer.alloc(0);
  return (bytes, start, end) => {
    const length = KEY_BYTES + end - start;
    if (keyed.length < length) {
      keyed = Buffer.alloc(Math.max(ROOM_BYTES, length));
      keyed.write(key, 'latin1');
    }
    bytes.copy(keyed, KEY_BYTES, start, end);
    return hash('sha256', keyed.subarray(0, length), 'binary').slice(0, FINGERPRINT_BYTES);
  };
}

/** Whether a line holds nothing but white space, of whatever kind. */
function isBlank(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] as number;
  // Most lines begin with a letter or a digit.
  if (start < end && first > SPACE && first < DELETE) return false;
  return bytes.toString('utf8', start, end).trim() === '';
}

function isTooLong(bytes: Buffer, start: number, end: number): boolean {
  return end - start > MAX_ROW && bytes.toString('utf8', start, end).length > MAX_ROW;
}
