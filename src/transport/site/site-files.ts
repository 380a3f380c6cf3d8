import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A packed form of a file, as the build made it; by the name of the encoding. */
export type Packing = 'br' | 'gzip';

export interface SiteFile {
  contentType: string;
  /** Of its bytes, in quotes. */
  etag: string;
  /** Absolute path of the file on disk; those of its packed forms end in .br and .gz. */
  path: string;
  packings: readonly Packing[];
}

export interface SiteFiles {
  /** By the path under which each is served. */
  byPath: ReadonlyMap<string, SiteFile>;
  /** First segments of the paths of pages, below the root of the site. */
  pages: ReadonlySet<string>;
  /** The document that all pages begin with. */
  index: SiteFile;
}

/** files.json, which the build writes. */
interface Listed {
  pages: string[];
  files: Record<string, { contentType: string; etag: string; packings: Packing[] }>;
}

/**
 * The files of a built site: those that its list names, and nothing else that may be in the folder. undefined
 * when the site was not built.
 */
export function readSiteFiles(folder: string, root: string): SiteFiles | undefined {
  const listed = readList(folder);
  if (!listed) return undefined;
  const byPath = new Map(
    Object.entries(listed.files).map(([name, { contentType, etag, packings }]) => [
      `${root}/${name}`,
      { contentType, etag, packings, path: join(folder, name) },
    ]),
  );
  const index = byPath.get(`${root}/index.html`);
  byPath.delete(`${root}/index.html`);
  return index && { byPath, pages: new Set(listed.pages), index };
}

function readList(folder: string): Listed | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'files.json'), 'utf8')) as Listed;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
