// Part of the build: makes dist/console from console/, with packed forms of each file and the list of files that
// the service serves. What has not changed is not built again.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isServed, packFiles } from './packed-files.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'console');
const target = join(root, 'dist/console');

const inputs = digestOf([
  ...filesUnder(source),
  ...filesUnder(join(root, 'clients/typescript')).filter((path) => !path.includes('dist')),
  join(root, 'package-lock.json'),
  fileURLToPath(import.meta.url),
  fileURLToPath(new URL('./packed-files.mjs', import.meta.url)),
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
  const pages = JSON.parse(readFileSync(join(source, 'src/app/pages.json'), 'utf8'));
  // The list of chunks is for the tests.
  const served = names.filter((name) => isServed(name) && name !== 'chunks.json');
  await packFiles(draft, served, { pages });
  writeFileSync(join(draft, 'inputs.sha256'), inputs);
  // Put in place whole: two builds may run at once.
  rmSync(target, { recursive: true, force: true });
  mkdirSync(dirname(target), { recursive: true });
  renameSync(draft, target);
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
