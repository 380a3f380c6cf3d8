// Packed forms of files that the service serves to browsers, and the list of them (src/transport/packed-files).
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};
/** What is packed already, or too small, gains nothing. */
const PACKED = /\.(png|woff2)$/;
const WORTH_IT = 512;

/** Whether a file of this name is served. */
export const isServed = (name) => extname(name) in TYPES;

/** Writes the packed forms of these files of a folder beside them, and `files.json` with `more` in it. */
export async function packFiles(folder, names, more = {}) {
  const entries = names.map(async (name) => [name, await prepared(join(folder, name))]);
  const files = Object.fromEntries(await Promise.all(entries));
  await writeFile(join(folder, 'files.json'), JSON.stringify({ ...more, files }, undefined, 1));
}

/** Writes the packed forms of a file, and says how it is served. */
async function prepared(path) {
  const content = await readFile(path);
  const digest = createHash('sha256').update(content).digest('base64url').slice(0, 22);
  const packings = {};
  if (!PACKED.test(path) && content.length >= WORTH_IT) {
    const params = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
    packings.br = await promisify(brotliCompress)(content, { params });
    packings.gzip = await promisify(gzip)(content, { level: 9 });
    await writeFile(`${path}.br`, packings.br);
    await writeFile(`${path}.gz`, packings.gzip);
  }
  return {
    contentType: TYPES[extname(path)],
    etag: `"${digest}"`,
    bytes: content.length,
    packings: Object.keys(packings),
  };
}
