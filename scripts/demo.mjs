// `npm run demo`: builds what is missing, with a sign of life, and shows it.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.stdout.write('Building ');
const dots = setInterval(() => process.stdout.write('.'), 1_000);
const build = spawn(process.execPath, [join(root, 'scripts/built.mjs')], { stdio: 'inherit' });
const code = await new Promise((resolve) => build.once('exit', resolve));
clearInterval(dots);
process.stdout.write('\n');
if (code !== 0) process.exit(1);
await import('../dist/examples/demo.js');
