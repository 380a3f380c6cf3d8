import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ConnectorError } from '../connector-error.js';
import type { CsvFile, CsvFolder } from './csv-file.js';
import { isWorkbookName, workbookAsCsv } from './workbook/index.js';

/** Text packs to a tenth, lists with many equal rows to a fiftieth: more than this is made to fill a disk. */
const MOST_RATIO = 200;
/** Small files may do as they like. */
const FREE_BYTES = 16 * 1024 * 1024;

/** What a file may be called in a folder, in this order: students.csv, students.csv.gz, students.xlsx. */
export function spellingsOf(name: string): string[] {
  if (name.endsWith('.gz') || isWorkbookName(name)) return [name];
  return [name, `${name}.gz`, ...workbookBeside(name)];
}

function workbookBeside(name: string): string[] {
  return name.toLowerCase().endsWith('.csv') ? [name.replace(/csv$/i, 'xlsx')] : [];
}

/**
 * Opens a file by the first of its spellings that is there. Of a workbook `sheet` is read; without it, the
 * first one.
 */
export async function openCsv(
  folder: CsvFolder,
  name: string,
  sheet?: string | undefined,
): Promise<CsvFile | undefined> {
  for (const spelling of spellingsOf(name)) {
    const file = await folder.open(spelling);
    if (!file) continue;
    if (isWorkbookName(spelling)) return workbookAsCsv(file, sheet);
    return spelling.endsWith('.gz') ? unpacked(file) : file;
  }
  return undefined;
}

/** The name of a workbook that is newer than the CSV file beside it, which is read instead. */
export async function newerWorkbook(folder: CsvFolder, file: CsvFile): Promise<string | undefined> {
  if (file.sheet) return undefined;
  for (const name of workbookBeside(file.name.replace(/\.gz$/, ''))) {
    const workbook = await folder.open(name);
    await workbook?.close();
    if (workbook && workbook.modifiedAt > file.modifiedAt) return name;
  }
  return undefined;
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
