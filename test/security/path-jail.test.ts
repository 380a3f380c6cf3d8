import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { ConnectorError } from '../../src/connectors/index.js';
import { createPathJail } from '../../src/security/index.js';
import { tempFolder } from '../support/temp-folder.js';

/** Operations while folders are swapped; JAIL_OPERATIONS=5000 for a long look. */
const OPERATIONS = Number(process.env.JAIL_OPERATIONS ?? 1_200);
/** Puts a link in the place of each folder, and the folder back, every other millisecond. */
const SWAP = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  const { workerData } = require('node:worker_threads');
  const rest = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  for (;;) {
    for (const [path, outside] of workerData) { renameSync(path, path + '.away'); symlinkSync(outside, path); }
    rest();
    for (const [path] of workerData) { unlinkSync(path); renameSync(path + '.away', path); }
    rest();
  }`;

async function jail() {
  const top = await tempFolder();
  const root = join(top, 'root');
  await mkdir(join(root, 'school'), { recursive: true });
  await mkdir(join(top, 'outside'));
  await writeFile(join(top, 'outside', 'secret.csv'), 'secret');
  await writeFile(join(root, 'school', 'students.csv'), 'hello');
  return { top, root, files: createPathJail(root) };
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const result = await promise.then(
    () => 'was let in',
    (error: Error) => `${error.name}: ${error.message}`,
  );
  return result;
}

describe('the path jail', () => {
  it('opens what lies inside, by relative and absolute path', async () => {
    const { root, files } = await jail();
    for (const path of ['school', join(root, 'school'), './school/../school']) {
      const folder = await files.folder(path);
      const file = await files.open(folder, 'students.csv');
      expect(await file?.readFile('utf8')).to.equal('hello');
      await file?.close();
    }
  });

  it('follows links that stay inside', async () => {
    const { root, files } = await jail();
    await symlink('school', join(root, 'alias'));
    expect(await files.folder('alias')).to.equal('school');
  });

  it('renames and removes files of a folder, and none outside', async () => {
    const { top, root, files } = await jail();
    await symlink(join(top, 'outside'), join(root, 'link'));
    for (const [folder, name, to] of [
      ['link', 'secret.csv', 'x.csv'],
      ['../outside', 'secret.csv', 'x.csv'],
      ['school', '../../outside/secret.csv', 'x.csv'],
      ['school', 'students.csv', '../../outside/secret.csv'],
      ['school', 'students.csv', '..'],
    ] as const) {
      expect(await refusal(files.rename(folder, name, to)), `${folder} ${name} ${to}`).to.match(
        /^ConnectorError: .*(lies outside|is not a file name)/,
      );
    }
    for (const [folder, name] of [
      ['link', 'secret.csv'],
      ['school', '../../outside/secret.csv'],
    ] as const)
      expect(await refusal(files.remove(folder, name))).to.match(/lies outside|is not a file name/);
    const draft = `.${randomUUID()}.tmp`;
    await writeFile(join(top, 'outside', draft), 'secret');
    for (const folder of ['link', '../outside', join(top, 'outside')]) {
      expect(await refusal(files.list(folder)), folder).to.contain('lies outside');
      expect(await refusal(files.stage(folder, 'x')), folder).to.contain('lies outside');
      expect(await refusal(files.sweep(folder, new Date(Date.now() + 60_000))), folder).to.contain(
        'lies outside',
      );
    }
    expect((await readdir(join(top, 'outside'))).sort()).to.deep.equal([draft, 'secret.csv'].sort());
    await rm(join(top, 'outside', draft));
    await symlink(join(top, 'outside', 'secret.csv'), join(root, 'school', draft));
    expect(await files.sweep('school', new Date(Date.now() + 60_000))).to.equal(0);
    await rm(join(root, 'school', draft));
    expect(await readdir(join(top, 'outside'))).to.deep.equal(['secret.csv']);
    await files.rename('school', 'students.csv', 'alumnos.csv');
    expect(await readdir(join(root, 'school'))).to.deep.equal(['alumnos.csv']);
    await files.remove('school', 'alumnos.csv');
    await files.remove('school', 'alumnos.csv');
    expect(await readdir(join(root, 'school'))).to.deep.equal([]);
  });

  it('keeps the former file where the pieces of a new one break off', async () => {
    const { root, files } = await jail();
    async function* pieces() {
      yield Buffer.from('half');
      throw new Error('the caller left');
    }
    expect(await refusal(files.replace('school', 'students.csv', pieces()))).to.contain('the caller left');
    expect(await readdir(join(root, 'school'))).to.deep.equal(['students.csv']);
    const file = await files.open('school', 'students.csv');
    expect(await file?.readFile('utf8')).to.equal('hello');
    await file?.close();
  });

  it('refuses every way out', async () => {
    const { top, root, files } = await jail();
    await symlink(join(top, 'outside'), join(root, 'link'));
    await symlink(join(top, 'outside', 'secret.csv'), join(root, 'school', 'teachers.csv'));
    const folder = await files.folder('school');
    for (const path of ['..', '../outside', join(top, 'outside'), 'link', '/', '/etc', `${root}-other`]) {
      expect(await refusal(files.folder(path)), path).to.match(/ConnectorError: .* lies outside/);
    }
    expect(await refusal(files.open(folder, 'teachers.csv'))).to.match(/ConnectorError: .* lies outside/);
    for (const name of ['../students.csv', '/etc/passwd', 'a/b', '..', '', 'a\0b']) {
      expect(await refusal(files.open(folder, name)), name).to.match(/ConnectorError: .* is not a file name/);
      expect(await refusal(files.replace(folder, name, 'x')), name).to.match(
        /ConnectorError: .* is not a file name/,
      );
    }
    expect(await refusal(files.open(join(top, 'outside'), 'secret.csv'))).to.match(/lies outside/);
    expect(await refusal(files.replace(join(top, 'outside'), 'x.csv', 'x'))).to.match(/lies outside/);
  });

  it('keeps everybody inside while a folder is renamed and a link to elsewhere put in its place, again and again', async function () {
    this.timeout(60_000 + 50 * OPERATIONS);
    const { top, root, files } = await jail();
    await writeFile(join(top, 'outside', 'students.csv'), 'secret');
    await mkdir(join(root, 'a', 'school'), { recursive: true });
    await writeFile(join(root, 'a', 'school', 'students.csv'), 'hello');
    await mkdir(join(top, 'elsewhere', 'school'), { recursive: true });
    await writeFile(join(top, 'elsewhere', 'school', 'students.csv'), 'secret');
    const swaps = [
      [join(root, 'school'), join(top, 'outside')],
      [join(root, 'a'), join(top, 'elsewhere')],
    ];
    const swapper = new Worker(SWAP, { eval: true, workerData: swaps });
    try {
      const ends = { inside: 0, refused: 0 };
      for (let i = 0; i < OPERATIONS; i++) {
        const folder = i % 2 ? 'school' : 'a/school';
        if (i % 4 < 2) {
          await files.replace(folder, `export-${i}.csv`, 'x').catch(() => {});
          continue;
        }
        const file = await files
          .open(await files.folder(folder).catch(() => folder), 'students.csv')
          .catch(() => undefined);
        const text = await file?.readFile('utf8');
        await file?.close();
        expect(text).to.be.oneOf(['hello', undefined]);
        ends[text === 'hello' ? 'inside' : 'refused'] += 1;
      }
      expect(ends.inside).to.be.above(0);
      expect(ends.refused).to.be.above(0);
    } finally {
      await swapper.terminate();
    }
    expect(await readdir(join(top, 'outside'))).to.have.members(['secret.csv', 'students.csv']);
    expect(await readdir(join(top, 'elsewhere', 'school'))).to.deep.equal(['students.csv']);
  });

  it('names no path of the machine, whatever is refused', async () => {
    const { top, root, files } = await jail();
    await symlink(join(top, 'outside'), join(root, 'link'));
    await mkdir(join(root, 'full'));
    for (const work of [
      () => files.folder(join(top, 'outside')),
      () => files.folder('link'),
      () => files.folder('nowhere'),
      () => files.replace('nowhere', 'x.csv', ''),
      () => files.open('school/students.csv', 'x.csv'),
      () => files.replace('school', 'full/../x', ''),
      () => files.replace('.', 'full', ''),
    ]) {
      const said = await refusal(work());
      expect(said).to.match(/^ConnectorError/);
      expect(said).not.to.contain(top);
    }
  });

  it('says who is to be asked when the folder itself cannot be made', async () => {
    const { root } = await jail();
    const files = createPathJail(join(root, 'school', 'students.csv', 'below'));
    const error = await files.folder('x').catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ConnectorError);
    expect((error as Error).message)
      .to.match(/\(ENOTDIR\).*CSV_ROOT/)
      .and.not.contain(root);
  });

  it('follows links that go up and down again, and ends where links lead in a circle', async () => {
    const { root, files } = await jail();
    await mkdir(join(root, 'deep', 'er'), { recursive: true });
    await symlink('../../school', join(root, 'deep', 'er', 'up'));
    await symlink('../../../outside', join(root, 'deep', 'er', 'out'));
    await symlink(join(root, 'school', 'students.csv'), join(root, 'deep', 'students.csv'));
    await symlink('loop', join(root, 'loop'));
    expect(await files.folder('deep/er/up')).to.equal('school');
    const file = await files.open('deep', 'students.csv');
    expect(await file?.readFile('utf8')).to.equal('hello');
    await file?.close();
    expect(await refusal(files.folder('deep/er/out'))).to.match(/lies outside/);
    expect(await refusal(files.folder('loop'))).to.match(/ELOOP/);
  });

  it('tells a missing file from a refused one, and does not wait for a pipe', async () => {
    const { root, files } = await jail();
    const folder = await files.folder('school');
    expect(await files.open(folder, 'nothing.csv')).to.equal(undefined);
    execFileSync('mkfifo', [join(root, 'school', 'pipe.csv')]);
    expect(await refusal(files.open(folder, 'pipe.csv'))).to.match(/is not a regular file/);
    expect(await refusal(files.folder('nowhere'))).to.match(/cannot be opened \(ENOENT\)/);
    expect(await refusal(files.folder('school/students.csv'))).to.match(/is not a folder/);
  });
});
