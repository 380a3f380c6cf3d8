import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { ConnectorError } from '../connector-error.js';
import type { CsvFile, CsvFolder } from '../generic-csv/index.js';

const MIB = 1024 * 1024;
/** A zip is held in memory while it is read; rosters of 100,000 students take a fifth of this. */
const MOST_PACKED = 64 * MIB;
/** All files of a zip together, unpacked. */
const MOST_UNPACKED = 2_048 * MIB;
/** Text packs to a tenth, lists with many equal rows to a fiftieth: more than this is made to fill a disk. */
const MOST_RATIO = 200;
/** Small files may do as they like. */
const FREE_BYTES = 16 * MIB;
const MOST_ENTRIES = 200;
/** What systems add to zips for themselves. */
const JUNK = /^__MACOSX\/|(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini)$/i;

/**
 * The files of a zip, by their names. A zip that was made of a folder, rather than of the files in it, is
 * taken as if it were without the folder. Throws ConnectorError when it is no zip, or one that cannot be
 * trusted: names that lead elsewhere, encryption, a name twice, more bytes than any roster has.
 */
export async function openZip(file: CsvFile): Promise<CsvFolder> {
  const bytes = await readWhole(file);
  const { zip, entries } = await readDirectory(file.name, bytes);
  const files = filesOf(file.name, entries, bytes.length);
  return {
    open: async (name) => {
      const entry = files.get(name.toLowerCase());
      return entry && toFile(entry, { name, file, zip });
    },
  };
}

async function readWhole(file: CsvFile): Promise<Buffer> {
  if (file.sizeBytes > MOST_PACKED) throw tooLarge(file.name);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of file.read()) {
    size += chunk.length;
    if (size > MOST_PACKED) throw tooLarge(file.name);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function readDirectory(name: string, bytes: Buffer): Promise<{ zip: ZipFile; entries: Entry[] }> {
  try {
    // Names that are absolute, or go up by "..", are refused by the library itself; so are backslashes.
    const zip = await fromBufferPromise(bytes, { strictFileNames: true, validateEntrySizes: true });
    const entries: Entry[] = [];
    for await (const entry of zip.eachEntry()) {
      if (entries.push(entry) > MOST_ENTRIES)
        throw new ConnectorError(
          `${name} holds more than ${MOST_ENTRIES} files; OneRoster has about 20. It was not read.`,
        );
    }
    return { zip, entries };
  } catch (error) {
    throw explain(name, error);
  }
}

/** Lower-case name -> entry. */
function filesOf(zipName: string, entries: readonly Entry[], packedBytes: number): Map<string, Entry> {
  const real = entries.filter(({ fileName }) => !fileName.endsWith('/') && !JUNK.test(fileName));
  const folder = commonFolder(real.map(({ fileName }) => fileName));
  const files = new Map<string, Entry>();
  let packed = 0;
  let unpacked = 0;
  for (const entry of real) {
    const name = entry.fileName.slice(folder.length).toLowerCase();
    packed += entry.compressedSize;
    unpacked += entry.uncompressedSize;
    if (entry.isEncrypted())
      throw new ConnectorError(`${zipName}: ${entry.fileName} is encrypted. Pack it without a password.`);
    if (files.has(name))
      throw new ConnectorError(`${zipName} holds two files named ${entry.fileName}. Remove one of them.`);
    files.set(name, entry);
  }
  // Entries that share their bytes add up to more than the zip has.
  const isBomb = unpacked > FREE_BYTES && unpacked > Math.min(packed, packedBytes) * MOST_RATIO;
  if (isBomb || unpacked > MOST_UNPACKED || packed > packedBytes) {
    throw new ConnectorError(
      `${zipName} unpacks to ${Math.ceil(unpacked / MIB).toLocaleString('en')} MiB; that is no roster. It was not read.`,
    );
  }
  return files;
}

/** With its slash; empty where the files do not share one. */
function commonFolder(names: readonly string[]): string {
  const [first = ''] = names;
  const folder = first.slice(0, first.lastIndexOf('/') + 1);
  return names.every((name) => name.startsWith(folder)) ? folder : '';
}

function toFile(entry: Entry, { name, file, zip }: { name: string; file: CsvFile; zip: ZipFile }): CsvFile {
  return {
    name,
    sizeBytes: entry.uncompressedSize,
    modifiedAt: file.modifiedAt,
    async *read() {
      try {
        let sum = 0;
        for await (const chunk of (await zip.openReadStreamPromise(entry)) as Readable) {
          sum = crc32(chunk as Buffer, sum);
          yield chunk as Buffer;
        }
        if (sum !== entry.crc32) throw new Error('its checksum is wrong: it is damaged');
      } catch (error) {
        throw explain(`${file.name}: ${name}`, error);
      }
    },
    close: async () => {},
  };
}

function tooLarge(name: string): ConnectorError {
  return new ConnectorError(
    `${name} is larger than ${MOST_PACKED / MIB} MiB. Unpack it into the folder that config.importPath names.`,
  );
}

function explain(name: string, error: unknown): unknown {
  if (error instanceof ConnectorError || !(error instanceof Error)) return error;
  return new ConnectorError(
    `${name} cannot be unpacked (${error.message.slice(0, 200)}). Pack the files of OneRoster anew, without folders and password. Nothing was changed.`,
    { cause: error },
  );
}
