// Before `npm start`: compiles what is missing, where there is a compiler. With the dependencies of production
// alone there is none, and what was built is started as it is.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
if (existsSync(tsc) && existsSync(join(root, 'tsconfig.json'))) {
  for (const project of [join(root, 'clients/typescript'), root])
    execFileSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' });
  for (const script of ['bundle.mjs', 'initial-database.mjs', 'reference.mjs', 'console.mjs'])
    execFileSync(process.execPath, [join(root, 'scripts', script)], { stdio: 'inherit' });
} else if (!existsSync(join(root, 'dist/src/main.js'))) {
  console.error('Nothing is built, and no compiler is installed. Run `npm ci && npm run build` first.');
  process.exit(1);
}
