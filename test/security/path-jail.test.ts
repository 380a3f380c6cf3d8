import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { createPathJail } from '../../src/security/index.js';
import { tempFolder } from '../support/temp-folder.js';

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
    expect(await files.folder('alias')).to.equal(join(root, 'school'));
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
