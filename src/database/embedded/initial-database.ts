import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';

/** Sizes of tar, in bytes. */
const BLOCK = 512;
const FOLDER = '5';

/**
 * The archive of a database without tables that the build has made (scripts/initial-database.mjs); undefined where
 * it did not, or made it of another version. Unpacking it takes a tenth of what initdb takes.
 */
export function initialDatabase(): string | undefined {
  const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const archive = fileURLToPath(new URL(`./initial-database-${version}.tar.gz`, import.meta.url));
  return existsSync(archive) ? archive : undefined;
}

/**
 * Makes a database where the folder is not there or empty. It appears whole: a process that dies on the way leaves
 * nothing that the next one would take for a database.
 */
export async function layDatabase(folder: string, archive = initialDatabase()): Promise<void> {
  if (existsSync(folder)) {
    if (readdirSync(folder).length > 0) return;
    rmdirSync(folder);
  }
  const draft = `${folder}.new`;
  rmSync(draft, { recursive: true, force: true });
  if (archive === undefined) await (await PGlite.create(draft)).close();
  else unpack(gunzipSync(readFileSync(archive)), draft);
  renameSync(draft, folder);
}

/** Writes the folders and files of a tar archive, readable for their owner alone. */
function unpack(tar: Buffer, into: string): void {
  const makeFolder = (path: string) => mkdirSync(path, { recursive: true, mode: 0o700 });
  makeFolder(into);
  // It ends with a block of zeros.
  for (let at = 0; tar[at]; ) {
    const field = (from: number, length: number) => {
      const [text = ''] = tar.toString('utf8', at + from, at + from + length).split('\0', 1);
      return text;
    };
    const path = join(into, field(345, 155), field(0, 100));
    const size = Number.parseInt(field(124, 12), 8);
    if (field(156, 1) === FOLDER) makeFolder(path);
    else {
      makeFolder(dirname(path));
      const start = at + BLOCK;
      writeFileSync(path, tar.subarray(start, start + size), { mode: 0o600 });
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}
