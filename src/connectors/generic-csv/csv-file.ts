import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ConnectorError } from '../connector-error.js';

/** A file of a school, wherever it lies. */
export interface CsvFile {
  /** As a person would name it. */
  name: string;
  sizeBytes: number;
  modifiedAt: Date;
  /**
   * Its bytes from the beginning. It can be read as often as needed: each reading gives the same bytes, and
   * throws ConnectorError when they have changed since the file was opened. `inPlace`: a piece is needed only
   * until the next one is asked for, which may then come in the same memory.
   */
  read(options?: { inPlace?: boolean }): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** Where the files of a school lie. */
export interface CsvFolder {
  /** undefined when there is no such file. */
  open(name: string): Promise<CsvFile | undefined>;
}

/** Text packs to a tenth, lists with many equal rows to a fiftieth: more than this is made to fill a disk. */
const MOST_RATIO = 200;
/** Small files may do as they like. */
const FREE_BYTES = 16 * 1024 * 1024;

/** Opens a file, or the packed one of the same name: `students.csv`, else `students.csv.gz`. */
export async function openCsv(folder: CsvFolder, name: string): Promise<CsvFile | undefined> {
  const file =
    (await folder.open(name)) ?? (name.endsWith('.gz') ? undefined : await folder.open(`${name}.gz`));
  return file?.name.endsWith('.gz') ? unpacked(file) : file;
}

function unpacked(file: CsvFile): CsvFile {
  return { ...file, read: () => unpack(file) };
}

async function* unpack(file: CsvFile): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  let packed = 0;
  let bytes = 0;
  const counted = async function* () {
    for await (const chunk of file.read()) {
      packed += chunk.length;
      yield chunk;
    }
  };
  // What stops one of the two streams stops the other; the reader below hears why.
  pipeline(counted(), gunzip, () => {});
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > FREE_BYTES && bytes > packed * MOST_RATIO) {
        throw new ConnectorError(
          `${file.name} unpacks to more than ${MOST_RATIO} times its size; that is no list. It was not read.`,
        );
      }
      yield chunk;
    }
  } catch (error) {
    if (!/^Z_/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new ConnectorError(
      `${file.name} cannot be unpacked: it is cut off, or no gzip file. Nothing was changed.`,
      {
        cause: error,
      },
    );
  }
}
