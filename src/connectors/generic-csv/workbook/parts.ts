import type { Readable } from 'node:stream';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { ConnectorError } from '../../connector-error.js';
import type { CsvFile } from '../csv-file.js';

const MIB = 1024 * 1024;
/** A workbook is held in memory, packed, while it is read. */
const MOST_PACKED = 50 * MIB;
/** One part, unpacked: a sheet of 100,000 rows with 15 columns has about 60 MiB. */
const MOST_UNPACKED = 256 * MIB;
/** Sheets with many equal rows pack to a hundredth: more than this is made to exhaust somebody. */
const MOST_RATIO = 300;
/** Small parts may do as they like. */
const FREE_BYTES = 16 * MIB;
/** A workbook has so many parts, and names no more. */
export const MOST_ENTRIES = 2_000;

/** The parts of a workbook, which is a zip. Names have no slash in front, and their case does not matter. */
export interface Parts {
  /** Of the workbook, as a person would name it. */
  file: string;
  has(name: string): boolean;
  /** The bytes of a part, as they are unpacked; no more than any list has. */
  read(name: string): AsyncIterable<Buffer>;
}

/** Opens the zip. Throws ConnectorError when it is none, is damaged, or too large. */
export async function openParts(name: string, bytes: Buffer): Promise<Parts> {
  try {
    const zip = await fromBufferPromise(bytes, { validateEntrySizes: true });
    const entries = new Map<string, Entry>();
    for await (const entry of zip.eachEntry()) {
      entries.set(entry.fileName.toLowerCase(), entry);
      if (entries.size > MOST_ENTRIES) throw noList(name, `it has more than ${MOST_ENTRIES} parts`);
    }
    return {
      file: name,
      has: (part) => entries.has(part.toLowerCase()),
      read: (part) => readPart(zip, entries.get(part.toLowerCase()), { file: name, part }),
    };
  } catch (error) {
    throw damaged(name, error);
  }
}

/** The bytes of a workbook. Throws ConnectorError when they are too many. */
export async function readWhole(file: CsvFile): Promise<Buffer> {
  const { name, sizeBytes } = file;
  if (sizeBytes > MOST_PACKED) throw tooLarge(name);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of file.read()) {
    size += chunk.length;
    if (size > MOST_PACKED) throw tooLarge(name);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* readPart(
  zip: ZipFile,
  entry: Entry | undefined,
  { file, part }: { file: string; part: string },
): AsyncGenerator<Buffer> {
  if (!entry) throw damaged(file, new Error(`${part} is missing`));
  if (entry.isEncrypted())
    throw new ConnectorError(`${file} has a password. Save it without one and put it in again.`);
  let bytes = 0;
  try {
    for await (const chunk of (await zip.openReadStreamPromise(entry)) as Readable) {
      bytes += (chunk as Buffer).length;
      if (bytes > MOST_UNPACKED || (bytes > FREE_BYTES && bytes > entry.compressedSize * MOST_RATIO))
        throw noList(file, `${part} unpacks to more than ${Math.floor(bytes / MIB)} MiB`);
      yield chunk as Buffer;
    }
  } catch (error) {
    throw damaged(file, error);
  }
}

/** What no list of a school has. */
export function noList(file: string, why: string): ConnectorError {
  return new ConnectorError(
    `${file} is no list that can be read: ${why}. Keep nothing but the list in the workbook, or save it as "CSV UTF-8". Nothing was changed.`,
  );
}

/** Errors that are explained already stay as they are. */
export function damaged(file: string, error: unknown): unknown {
  if (error instanceof ConnectorError || !(error instanceof Error)) return error;
  return new ConnectorError(
    `${file} cannot be read as a workbook (${error.message.slice(0, 200)}): it is damaged or was cut off. Save it again. Nothing was changed.`,
    { cause: error },
  );
}

function tooLarge(name: string): ConnectorError {
  return noList(name, `it is larger than ${MOST_PACKED / MIB} MiB`);
}
