import type { FileHandle } from 'node:fs/promises';

export type CsvEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** What a look through a file's bytes tells. */
export interface FileLook {
  encoding: CsvEncoding;
  /** Bytes of the byte order mark at the beginning. */
  bomBytes: number;
  /** The beginning of the file as text, without the mark. */
  sample: string;
}

const CHUNK = 16 * 1024;
const SAMPLE = 64 * 1024;

/**
 * Finds the encoding of a file: by its byte order mark, by the zero bytes of UTF-16, else UTF-8 where every byte of the
 * file fits it, and Windows-1252 where one does not. The whole file is looked through: the first accent may come late.
 */
export async function lookAtEncoding(file: FileHandle): Promise<FileLook> {
  const head = Buffer.alloc(SAMPLE);
  const { bytesRead } = await file.read(head, 0, SAMPLE, 0);
  const start = head.subarray(0, bytesRead);
  const [encoding, bomBytes] = byMark(start) ?? byZeros(start) ?? [(await isUtf8(file)) ? 'utf-8' : 'windows-1252', 0];
  return { encoding, bomBytes, sample: new TextDecoder(encoding).decode(start.subarray(bomBytes), { stream: true }) };
}

/** The file from its beginning as UTF-8 bytes, chunk by chunk, without the mark; `size` is how many bytes there were. */
export async function* readAsUtf8(file: FileHandle, { encoding, bomBytes }: FileLook): AsyncGenerator<Buffer, number> {
  const decoder = encoding === 'utf-8' ? undefined : new TextDecoder(encoding);
  let position = bomBytes;
  while (true) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await file.read(chunk, 0, CHUNK, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const bytes = chunk.subarray(0, bytesRead);
    yield decoder ? Buffer.from(decoder.decode(bytes, { stream: true })) : bytes;
  }
  const rest = decoder?.decode();
  if (rest) yield Buffer.from(rest);
  return position;
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

async function isUtf8(file: FileHandle): Promise<boolean> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const chunk = Buffer.allocUnsafe(CHUNK);
  let position = 0;
  try {
    while (true) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      decoder.decode(chunk.subarray(0, bytesRead), { stream: true });
    }
    decoder.decode();
    return true;
  } catch {
    return false;
  }
}
