// `npm run pictures`: pictures of every page of the console at both widths and in both themes, in dist/pictures, and
// those that README.md shows in docs/images. Needs Chromium.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pictures = join(root, 'dist/pictures');
const images = join(root, 'docs/images');
const SHOWN = [
  'overview-1280-light',
  'connect-test-1280-light',
  'plan-1280-light',
  'conflicts-1280-light',
  'run-1280-dark',
  'upload-1280-light',
  'overview-390-dark',
];

const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
const test = spawnSync(process.execPath, [mocha, 'dist/test/console/browser/pages.test.js'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, CI: 'true', PICTURES: pictures },
});
if (test.status !== 0) process.exit(1);
mkdirSync(images, { recursive: true });
for (const name of SHOWN) copyFileSync(join(pictures, `${name}.png`), join(images, `${name}.png`));
