import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A packed form of a file, as the build made it; by the name of the encoding. */
export type Packing = 'br' | 'gzip';

export interface PackedFile {
  contentType: string;
  /** Of its bytes, in quotes. */
  etag: string;
  /** Absolute path of the file on disk; those of its packed forms end in .br and .gz. */
  path: string;
  packings: readonly Packing[];
}

export interface PackedFiles {
  /** By name: the path below the folder, with slashes. */
  byName: ReadonlyMap<string, PackedFile>;
  /** First segments of the paths of pages, where the list has them. */
  pages: ReadonlySet<string>;
}

/** files.json, which `scripts/packed-files.mjs` writes. */
interface Listed {
  pages?: string[];
  files: Record<string, Omit<PackedFile, 'path'>>;
}

/** The files that the list of a folder names, and nothing else that may be in it; undefined without a list. */
export function readPackedFiles(folder: string): PackedFiles | undefined {
  const listed = readList(folder);
  if (!listed) return undefined;
  const byName = new Map(
    Object.entries(listed.files).map(([name, { contentType, etag, packings }]) => [
      name,
      { contentType, etag, packings, path: join(folder, name) },
    ]),
  );
  return { byName, pages: new Set(listed.pages) };
}

function readList(folder: string): Listed | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'files.json'), 'utf8')) as Listed;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
