// Part of the build: makes the database without tables that a first start on the embedded database unpacks. It
// is made once for each version of PGlite.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';

const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
const folder = join(dirname(fileURLToPath(import.meta.url)), '../dist/src/database/embedded');
const name = `initial-database-${version}.tar.gz`;

if (!existsSync(join(folder, name))) {
  const database = await PGlite.create();
  await database.query('CHECKPOINT');
  const archive = Buffer.from(await (await database.dumpDataDir('gzip')).arrayBuffer());
  await database.close();
  mkdirSync(folder, { recursive: true });
  for (const other of readdirSync(folder))
    if (/^initial-database-.*\.gz/.test(other)) rmSync(join(folder, other));
  // Put in place whole: two builds may run at once.
  const draft = join(folder, `${name}.${process.pid}`);
  writeFileSync(draft, archive);
  renameSync(draft, join(folder, name));
}
