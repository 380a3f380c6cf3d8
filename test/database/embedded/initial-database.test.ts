import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { expect } from 'chai';
import { initialDatabase, layDatabase } from '../../../src/database/embedded/initial-database.js';
import { tempFolder } from '../../support/temp-folder.js';
import { until } from '../../support/until.js';

const SOURCE = new URL('../../../src/database/embedded/initial-database.js', import.meta.url).href;

/** Lays a database in a process of its own, which is killed as soon as this file of the draft is there. */
async function killedAt(folder: string, file: string, archive: string | undefined): Promise<void> {
  const script = `import { layDatabase } from ${JSON.stringify(SOURCE)};
    await layDatabase(...JSON.parse(process.argv[2]));`;
  const path = join(await tempFolder(), 'lay.mjs');
  await writeFile(path, script);
  const child = fork(path, [JSON.stringify(archive ? [folder, archive] : [folder])], { silent: true });
  const ended = once(child, 'exit');
  await until(() => existsSync(join(`${folder}.new`, file)) || child.exitCode !== null);
  child.kill('SIGKILL');
  await ended;
}

async function tables(folder: string): Promise<number> {
  const database = await PGlite.create(folder);
  const { rows } = await database.query<{ n: number }>('SELECT count(*)::int AS n FROM pg_class');
  await database.close();
  return rows[0]?.n ?? 0;
}

describe('the database of a first start', () => {
  it('is unpacked from what the build has made, for its owner alone', async function () {
    const archive = initialDatabase();
    // Only `npm run build` makes it.
    if (!archive) return this.skip();
    const folder = join(await tempFolder(), 'postgres');
    await layDatabase(folder, archive);
    expect((await stat(folder)).mode & 0o777).to.equal(0o700);
    expect((await stat(join(folder, 'PG_VERSION'))).mode & 0o777).to.equal(0o600);
    expect(await tables(folder)).to.be.above(300);
  });

  for (const [how, archive] of [
    ['unpacked', initialDatabase()],
    ['made by initdb', undefined],
  ] as const) {
    it(`is begun anew when the process was killed while it was ${how}`, async function () {
      if (how === 'unpacked' && !archive) return this.skip();
      for (const file of ['PG_VERSION', 'base/1', 'global']) {
        const folder = join(await tempFolder(), 'postgres');
        await killedAt(folder, file, archive);
        await layDatabase(folder, archive);
        expect(existsSync(`${folder}.new`)).to.equal(false);
        expect(await tables(folder)).to.be.above(300);
      }
    });
  }

  it('is laid into a folder that is empty, and leaves one alone that is not', async () => {
    const folder = join(await tempFolder(), 'postgres');
    await mkdir(folder);
    await layDatabase(folder);
    expect(await tables(folder)).to.be.above(300);
    const other = await tempFolder();
    await writeFile(join(other, 'note'), 'mine');
    await layDatabase(other);
    expect(await readFile(join(other, 'note'), 'utf8')).to.equal('mine');
    expect(existsSync(join(other, 'PG_VERSION'))).to.equal(false);
  });
});
