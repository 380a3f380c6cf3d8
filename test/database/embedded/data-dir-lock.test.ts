import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { lockDataDir } from '../../../src/database/embedded/data-dir-lock.js';
import { markOf } from '../../../src/database/embedded/process-mark.js';
import { linkTo } from '../../../src/database/embedded/short-path.js';
import { tempFolder } from '../../support/temp-folder.js';

const HOLDER = fileURLToPath(new URL('../../support/lock-holder.js', import.meta.url));
/** Of a process that is gone: nobody listens where it did. */
const STALE = JSON.stringify({ pid: process.pid, host: 'here', socket: 'lock-0123456789ab', token: 'x' });

async function says(child: ChildProcessWithoutNullStreams): Promise<string> {
  const [chunk] = await once(child.stdout, 'data');
  return String(chunk).trim();
}

/** What processes answer that all want the folder at the same moment. */
async function contend(dataDir: string, count: number): Promise<string[]> {
  const children = Array.from({ length: count }, () => spawn(process.execPath, [HOLDER, dataDir]));
  try {
    await Promise.all(children.map(says));
    const answers = children.map(says);
    for (const child of children) child.stdin.write('go\n');
    return await Promise.all(answers);
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

describe('the lock of a data directory', () => {
  it('refuses whoever comes second, and says who holds it', async () => {
    const dataDir = await tempFolder();
    const unlock = await lockDataDir(dataDir);
    const refusal = await lockDataDir(dataDir).catch((error: Error) => error);
    expect(refusal)
      .to.have.property('message')
      .that.matches(new RegExp(`in use by process ${process.pid}\\. Stop that process`));
    await unlock();
    await (await lockDataDir(dataDir))();
    expect(await readdir(dataDir)).to.deep.equal([]);
  });

  const NOBODY: [string, string][] = [
    ['a process that is gone', STALE],
    ['a machine that was switched off while it wrote', ''],
    ['nobody that can be read', '{"pid":'],
    ['no process', '{}'],
    ['a file elsewhere', JSON.stringify({ pid: 1, host: 'here', socket: '../socket' })],
  ];
  for (const [who, text] of NOBODY) {
    it(`takes over the lock of ${who}, and leaves nothing behind`, async () => {
      const dataDir = await tempFolder();
      await writeFile(join(dataDir, 'lock'), text);
      const unlock = await lockDataDir(dataDir);
      expect((await readdir(dataDir)).map((name) => name.replace(/-.*/, '-…'))).to.have.members([
        'lock',
        'lock-…',
      ]);
      await unlock();
      expect(await readdir(dataDir)).to.deep.equal([]);
    });
  }

  it('is seen from another container, where its number means nothing', async () => {
    const dataDir = await tempFolder();
    const unlock = await lockDataDir(dataDir);
    const lock = join(dataDir, 'lock');
    // Beyond Linux's highest: there is no such process here.
    await writeFile(
      lock,
      JSON.stringify({ ...JSON.parse(await readFile(lock, 'utf8')), pid: 4_194_400, host: 'c2' }),
    );
    const refusal = await lockDataDir(dataDir).catch((error: Error) => error);
    expect(refusal)
      .to.have.property('message')
      .that.matches(/in use by process 4194400 of c2\./);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('lock-'))).to.have.length(1);
    await unlock();
  });

  it('of a process of the version before is respected while that lives', async () => {
    const dataDir = await tempFolder();
    const started = (await markOf(process.pid)).split(' ').at(-1);
    await writeFile(join(dataDir, 'lock'), JSON.stringify({ pid: process.pid, started, token: 'x' }));
    const refusal = await lockDataDir(dataDir).catch((error: Error) => error);
    expect(refusal).to.have.property('name', 'DataDirLockedError');
  });

  it('holds when somebody deletes its socket', async function () {
    if ((await markOf(process.pid)) === '') return this.skip();
    const dataDir = await tempFolder();
    const unlock = await lockDataDir(dataDir);
    for (const name of await readdir(dataDir)) if (name.startsWith('lock-')) await rm(join(dataDir, name));
    const refusal = await lockDataDir(dataDir).catch((error: Error) => error);
    expect(refusal).to.have.property('name', 'DataDirLockedError');
    await unlock();
    expect(await readdir(dataDir)).to.deep.equal([]);
  });

  it('keeps nobody out of a copy of the folder', async () => {
    const [dataDir, copy] = [await tempFolder(), await tempFolder()];
    const unlock = await lockDataDir(dataDir);
    await copyFile(join(dataDir, 'lock'), join(copy, 'lock'));
    await (await lockDataDir(copy))();
    expect(await readdir(copy)).to.deep.equal([]);
    await unlock();
  });

  for (const [what, make] of [
    ['a link to nowhere', (path: string) => symlink('nowhere', path)],
    ['a folder', (path: string) => mkdir(path)],
    ['a pipe', async (path: string) => execFileSync('mkfifo', [path])],
    ['a socket', (path: string) => once(createServer().listen(path).unref(), 'listening')],
  ] as const) {
    it(`that is ${what} is refused with its path and what to do`, async function () {
      if (process.platform === 'win32') this.skip();
      const path = join(await tempFolder(), 'lock');
      await make(path);
      const refusal = await lockDataDir(dirname(path)).catch((error: Error) => error);
      expect(refusal)
        .to.have.property('message')
        .that.equals(`${path} is no file. It is the service's own: remove it.`);
    });
  }

  it('is held by a process that is stopped, and free once it is killed', async () => {
    const dataDir = await tempFolder();
    const child = spawn(process.execPath, [HOLDER, dataDir]);
    try {
      await says(child);
      child.stdin.write('go\n');
      expect(await says(child)).to.equal('holds');
      child.kill('SIGSTOP');
      const refusal = await lockDataDir(dataDir).catch((error: Error) => error);
      expect(refusal).to.have.property('name', 'DataDirLockedError');
      child.kill('SIGKILL');
      await once(child, 'exit');
      const unlock = await lockDataDir(dataDir);
      await unlock();
      expect(await readdir(dataDir)).to.deep.equal([]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('holds in a folder whose path is too long for a socket', async () => {
    const dataDir = join(await tempFolder(), 'x'.repeat(100));
    const unlock = await lockDataDir(dataDir);
    const refusal = await lockDataDir(dataDir).catch((error: Error) => error);
    expect(refusal).to.have.property('name', 'DataDirLockedError');
    await unlock();
    expect(await readdir(dataDir)).to.deep.equal([]);
  });

  it('has one holder, however many processes find a stale lock at once', async () => {
    for (let round = 0; round < 5; round++) {
      const dataDir = await tempFolder();
      await writeFile(join(dataDir, 'lock'), STALE);
      const answers = await contend(dataDir, 6);
      expect(answers.filter((answer) => answer === 'holds')).to.have.length(1);
      expect(answers.filter((answer) => answer === 'DataDirLockedError')).to.have.length(5);
    }
  });
});

describe('a link to a folder whose path is too long for sockets', () => {
  it('leads to it by a short path, and is removed', async () => {
    const folder = join(await tempFolder(), 'x'.repeat(100));
    await mkdir(folder);
    const { path, remove } = await linkTo(folder);
    expect(path.length).to.be.at.most(75);
    expect(await realpath(path)).to.equal(folder);
    await remove();
    expect(await realpath(path).catch((error: NodeJS.ErrnoException) => error.code)).to.equal('ENOENT');
  });

  it('is refused with a sentence where none is short enough', async () => {
    const folder = join(await tempFolder(), 'x'.repeat(100));
    const { TMPDIR } = process.env;
    process.env.TMPDIR = folder;
    try {
      const refusal = await linkTo(folder).catch((error: Error) => error);
      expect(refusal).to.have.property('name', 'UnusableDataDirError');
      expect(refusal)
        .to.have.property('message')
        .that.matches(/Set DATA_DIR or TMPDIR to a folder with a shorter path\.$/);
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    }
  });
});
