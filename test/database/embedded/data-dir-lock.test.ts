import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { lockDataDir } from '../../../src/database/embedded/data-dir-lock.js';
import { tempFolder } from '../../support/temp-folder.js';

const HOLDER = fileURLToPath(new URL('../../support/lock-holder.js', import.meta.url));
/** Of a process that cannot be: the number is beyond Linux's highest. */
const STALE = JSON.stringify({ pid: 4_194_400, started: '1', token: 'x' });

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
    ['a process whose number another one has now', JSON.stringify({ pid: process.pid, started: '1' })],
    ['a machine that was switched off while it wrote', ''],
    ['nobody that can be read', '{"pid":'],
    ['no process', '{}'],
  ];
  for (const [who, text] of NOBODY) {
    it(`takes over the lock of ${who}, and leaves nothing behind`, async () => {
      const dataDir = await tempFolder();
      await writeFile(join(dataDir, 'lock'), text);
      const unlock = await lockDataDir(dataDir);
      expect(await readdir(dataDir)).to.deep.equal(['lock']);
      await unlock();
      expect(await readdir(dataDir)).to.deep.equal([]);
    });
  }

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
