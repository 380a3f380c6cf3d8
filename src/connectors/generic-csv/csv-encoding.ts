import { isAscii, isUtf8 } from 'node:buffer';
import { ConnectorError } from '../connector-error.js';
import type { RecordTable } from '../external-record.js';

export type CsvEncoding = RecordTable['encoding'];

/** What a look through a file's bytes tells. */
export interface FileLook {
  encoding: CsvEncoding;
  /** Bytes of the byte order mark at the beginning. */
  bomBytes: number;
  /** The beginning of the file, and the same as text without the mark. */
  start: Buffer;
  sample: string;
  /** Whether every line is a row: there is no quotation mark, and no line ends in a way of its own. */
  isPlain: boolean;
}

const SAMPLE = 64 * 1024;
const [QUOTE, NEWLINE, RETURN] = [0x22, 0x0a, 0x0d];

/**
 * Finds the encoding of a file: by its byte order mark, by the zero bytes of UTF-16, else UTF-8 where every
 * byte of the file fits it, and Windows-1252 where one does not. The whole file is looked through then: the
 * first accent may come late. A piece is needed only until the next one comes.
 */
export async function lookAtEncoding(bytes: AsyncIterable<Buffer>): Promise<FileLook> {
  const utf8 = new Utf8Check();
  let start = Buffer.alloc(0);
  let isPlain = true;
  let endsInReturn = false;
  let fitsUtf8 = true;
  let told: [CsvEncoding, number] | undefined;
  for await (const chunk of bytes) {
    if (start.length < SAMPLE) {
      start = Buffer.concat([start, chunk]).subarray(0, SAMPLE);
      told ??= byMark(start);
    }
    fitsUtf8 &&= utf8.takes(chunk);
    isPlain &&= !chunk.includes(QUOTE) && !(endsInReturn && chunk[0] !== NEWLINE) && !hasLoneReturn(chunk);
    endsInReturn = chunk.at(-1) === RETURN;
    if (start.length >= SAMPLE && (told ?? byZeros(start) ?? !fitsUtf8)) {
      // The rest was not looked at.
      isPlain = false;
      break;
    }
  }
  // A file that is cut off inside a character is no Windows-1252 where whole characters of UTF-8 came before.
  fitsUtf8 &&= utf8.ends() || utf8.hasOthers;
  isPlain &&= !endsInReturn;
  const [encoding, bomBytes] = told ?? byZeros(start) ?? [fitsUtf8 ? 'utf-8' : 'windows-1252', 0];
  const sample = new TextDecoder(encoding).decode(start.subarray(bomBytes), { stream: true });
  return { encoding, bomBytes, start, sample, isPlain: isPlain && !encoding.startsWith('utf-16') };
}

/**
 * The bytes of a file as UTF-8, chunk by chunk, without the mark. Throws ConnectorError when they end inside a
 * character. `name`: of the file, for that sentence.
 */
export async function* readAsUtf8(
  bytes: AsyncIterable<Buffer>,
  { encoding, bomBytes }: Pick<FileLook, 'encoding' | 'bomBytes'>,
  name: string,
): AsyncGenerator<Buffer> {
  const decoder = encoding === 'utf-8' ? undefined : new TextDecoder(encoding);
  const utf8 = new Utf8Check();
  let toSkip = bomBytes;
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    if (!decoder) utf8.passes(chunk);
    const rest = toSkip > 0 ? chunk.subarray(toSkip) : chunk;
    toSkip -= chunk.length - rest.length;
    if (rest.length > 0) yield decoder ? Buffer.from(decoder.decode(rest, { stream: true })) : rest;
  }
  if (encoding.startsWith('utf-16') ? length % 2 === 1 : !utf8.ends()) throw cutInside(name);
  const rest = decoder?.decode();
  if (rest) yield Buffer.from(rest);
}

function cutInside(name: string): ConnectorError {
  return new ConnectorError(
    `${name} ends in the middle of a character: it is cut off. Nothing was changed; export it again.`,
  );
}

function byMark(start: Buffer): [CsvEncoding, number] | undefined {
  if (start.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) return ['utf-8', 3];
  if (start.subarray(0, 2).equals(Buffer.from([0xff, 0xfe]))) return ['utf-16le', 2];
  if (start.subarray(0, 2).equals(Buffer.from([0xfe, 0xff]))) return ['utf-16be', 2];
  return undefined;
}

/** In UTF-16 without a mark every other byte of Latin text is zero: the odd ones in little endian. */
function byZeros(start: Buffer): [CsvEncoding, number] | undefined {
  const look = start.subarray(0, 512);
  let even = 0;
  let odd = 0;
  look.forEach((byte, index) => {
    if (byte === 0) index % 2 === 0 ? even++ : odd++;
  });
  const many = look.length * 0.35;
  if (odd > many && even < odd / 4) return ['utf-16le', 0];
  if (even > many && odd < even / 4) return ['utf-16be', 0];
  return undefined;
}

/**
 * Whether a carriage return stands anywhere but before a line feed; at the end of the chunk it is not known
 * yet.
 */
function hasLoneReturn(chunk: Buffer): boolean {
  for (let at = chunk.indexOf(RETURN); at >= 0 && at < chunk.length - 1; at = chunk.indexOf(RETURN, at + 1)) {
    if (chunk[at + 1] !== NEWLINE) return true;
  }
  return false;
}

/** Looks whether bytes that come in pieces are UTF-8. */
class Utf8Check {
  /** A character that the piece before began. */
  #begun: Buffer = Buffer.alloc(0);
  /** Whether whole characters came that are no ASCII. */
  hasOthers = false;

  takes(chunk: Buffer): boolean {
    const whole = this.passes(chunk);
    this.hasOthers ||= !isAscii(whole);
    return isUtf8(whole);
  }

  /** Goes on without looking at what is whole, which it returns. */
  passes(chunk: Buffer): Buffer {
    const bytes = this.#begun.length > 0 ? Buffer.concat([this.#begun, chunk]) : chunk;
    // A character takes four bytes at most, and all but its first one begin with the bits 10.
    let end = bytes.length;
    for (let back = 1; back <= Math.min(3, bytes.length); back++) {
      const byte = bytes[bytes.length - back] as number;
      if (byte < 0x80) break;
      if (byte >= 0xc0) {
        const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
        if (length > back) end = bytes.length - back;
        break;
      }
    }
    this.#begun = Buffer.from(bytes.subarray(end));
    return bytes.subarray(0, end);
  }

  ends(): boolean {
    return this.#begun.length === 0;
  }
}
