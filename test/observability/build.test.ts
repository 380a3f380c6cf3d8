import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readBuild } from '../../src/observability/index.js';
import { tempFolder } from '../support/temp-folder.js';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** A folder with package.json and these files of Git. */
async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await tempFolder();
  await writeFile(join(folder, 'package.json'), '{"version":"1.2.3"}');
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

describe('the commit that is running', () => {
  const given = { commit: undefined, schema: '0001-initial' };
  const found: Record<string, Record<string, string>> = {
    'a branch': { '.git/HEAD': 'ref: refs/heads/main\n', '.git/refs/heads/main': `${COMMIT}\n` },
    'a packed branch': {
      '.git/HEAD': 'ref: refs/heads/main\n',
      '.git/packed-refs': `# pack-refs\n${'f'.repeat(40)} refs/heads/other\n${COMMIT} refs/heads/main\n`,
    },
    'a detached head': { '.git/HEAD': `${COMMIT}\n` },
  };
  for (const [name, files] of Object.entries(found))
    it(`is that of the checkout: ${name}`, async () => {
      const build = readBuild(await folderWith(files), given);
      expect(build).to.include({ version: '1.2.3', commit: COMMIT, schema: '0001-initial' });
    });

  it('is that of a worktree', async () => {
    const main = await folderWith({
      '.git/worktrees/w/HEAD': 'ref: refs/heads/w\n',
      '.git/worktrees/w/commondir': '../..\n',
      '.git/refs/heads/w': `${COMMIT}\n`,
    });
    const worktree = await folderWith({ '.git': `gitdir: ${join(main, '.git/worktrees/w')}\n` });
    expect(readBuild(worktree, given).commit).to.equal(COMMIT);
  });

  it('is the one that was given, where one was', async () => {
    const folder = await folderWith({ '.git/HEAD': `${COMMIT}\n` });
    expect(readBuild(folder, { ...given, commit: 'abcdef0' }).commit).to.equal('abcdef0');
  });

  it('is not known in a package', async () => {
    expect(readBuild(await folderWith({}), given).commit).to.equal(undefined);
    expect(readBuild(await folderWith({ '.git/HEAD': 'nonsense' }), given).commit).to.equal(undefined);
  });
});
