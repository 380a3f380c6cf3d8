// Part of the build: lays the files of the API reference where the service reads them, with packed forms. Nothing is
// done when they are there already.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isServed, packFiles } from './packed-files.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'dist/src/transport/reference/files');
const renderer = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));

const sources = {
  'openapi.json': join(root, 'gen/openapi.json'),
  'page.html': join(root, 'src/transport/reference/page.html'),
  'page.css': join(root, 'src/transport/reference/page.css'),
  'start.js': join(root, 'src/transport/reference/start.js'),
  'swagger-ui.css': join(renderer, 'swagger-ui.css'),
  'swagger-ui-bundle.js': join(renderer, 'swagger-ui-bundle.js'),
  // Not served: they have to go along.
  LICENSE: join(renderer, 'LICENSE'),
  NOTICE: join(renderer, 'NOTICE'),
};

/** Of indentation nobody reads it. */
const contents = Object.fromEntries(
  Object.entries(sources).map(([name, path]) => {
    const bytes = readFileSync(path);
    return [name, name.endsWith('.json') ? Buffer.from(JSON.stringify(JSON.parse(bytes))) : bytes];
  }),
);
const hash = createHash('sha256').update(readFileSync(new URL('./packed-files.mjs', import.meta.url)));
for (const [name, bytes] of Object.entries(contents)) hash.update(name).update('\0').update(bytes);
const inputs = hash.digest('hex');

const noted = join(folder, 'inputs.sha256');
if (!existsSync(noted) || readFileSync(noted, 'utf8') !== inputs) {
  // Put in place whole: two builds may run at once.
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(draft, name), bytes);
  await packFiles(draft, Object.keys(contents).filter(isServed));
  writeFileSync(join(draft, 'inputs.sha256'), inputs);
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
}
