// Part of the build: makes dist/bundle, the service and the packages that it imports in a few files, which are loaded in
// half the time of 1,500 (src/bundled-start.ts). The compiled files stay what everything else imports.
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'dist/src');
const target = join(root, 'dist/bundle');

/** What a change of makes another bundle: the compiled files, the installed packages, and this. */
const inputs = ['dist/.tsbuildinfo', 'node_modules/.package-lock.json', 'scripts/bundle.mjs'];
const made = timeOf(join(target, 'start.js'));
if (inputs.some((input) => timeOf(join(root, input)) >= made)) await build();

async function build() {
  const draft = `${target}.${process.pid}`;
  const bundle = await rolldown({
    input: { start: join(source, 'start.js') },
    platform: 'node',
    // The first has files beside it that are found by its place, the second is there for nobody, and the third calls what
    // Node warns of outside of node_modules.
    external: [/^@electric-sql\//, 'pg-native', 'sequelize'],
    plugins: [{ name: 'places', transform: placed }],
    logLevel: 'silent',
  });
  await bundle.write({
    dir: draft,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    keepNames: true,
  });
  await bundle.close();
  // Put in place whole: two builds may run at once.
  rmSync(target, { recursive: true, force: true });
  mkdirSync(dirname(target), { recursive: true });
  renameSync(draft, target);
}

/** What a file of ours finds by its own place, such as a thread's program or the console, is found by it still. */
function placed(code, id) {
  if (!id.startsWith(source + sep) || !code.includes('import.meta.url')) return null;
  const place = JSON.stringify(relative(target, id).replaceAll(sep, '/'));
  return code.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`);
}

function timeOf(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}
