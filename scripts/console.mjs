// Part of the build: makes dist/console from console/, with packed forms of each file and the list of files that
// the service serves. What has not changed is not built again.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'console');
const target = join(root, 'dist/console');
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};
/** What is packed already, or too small, gains nothing. */
const PACKED = /\.(png|woff2)$/;
const WORTH_IT = 512;

const inputs = digestOf([
  ...filesUnder(source),
  ...filesUnder(join(root, 'clients/typescript')).filter((path) => !path.includes('dist')),
  join(root, 'package-lock.json'),
  fileURLToPath(import.meta.url),
]);
const noted = join(target, 'inputs.sha256');
if (!existsSync(noted) || readFileSync(noted, 'utf8') !== inputs) await build();

async function build() {
  const draft = `${target}.${process.pid}`;
  const { build: bundle } = await import('vite');
  await bundle({
    configFile: join(source, 'vite.config.ts'),
    root: source,
    logLevel: 'warn',
    build: { outDir: draft, emptyOutDir: true },
  });
  const names = filesUnder(draft).map((path) => relative(draft, path).replaceAll(sep, '/'));
  const served = names.filter((name) => extname(name) in TYPES);
  const files = Object.fromEntries(
    await Promise.all(served.map(async (name) => [name, await prepared(join(draft, name))])),
  );
  const pages = JSON.parse(readFileSync(join(source, 'src/app/pages.json'), 'utf8'));
  writeFileSync(join(draft, 'files.json'), JSON.stringify({ pages, files }, undefined, 1));
  writeFileSync(join(draft, 'inputs.sha256'), inputs);
  // Put in place whole: two builds may run at once.
  rmSync(target, { recursive: true, force: true });
  mkdirSync(dirname(target), { recursive: true });
  renameSync(draft, target);
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

function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function digestOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(relative(root, path)).update('\0').update(readFileSync(path));
  return hash.digest('hex');
}
