import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { bundledStart } from '../src/bundled-start.js';
import { tempFolder } from './support/temp-folder.js';

/** A folder of what was built: when each file was written, in seconds. */
async function built(files: Record<string, number>): Promise<URL> {
  const folder = await tempFolder();
  await mkdir(join(folder, 'bundle'));
  for (const [name, at] of Object.entries(files)) {
    await writeFile(join(folder, name), '');
    await utimes(join(folder, name), at, at);
  }
  return pathToFileURL(`${folder}/`);
}

describe('the service in a few files', () => {
  it('is loaded where it was made after the last compilation, and from a package, which notes none', async () => {
    const noted: Record<string, number>[] = [{ '.tsbuildinfo': 1 }, {}];
    for (const compiled of noted) {
      const folder = await built({ 'bundle/start.js': 2, ...compiled });
      expect(bundledStart(folder)).to.equal(new URL('bundle/start.js', folder).href);
    }
  });

  it('is left alone where something was compiled since, or at the same time', async () => {
    for (const compiled of [2, 3]) {
      const folder = await built({ 'bundle/start.js': 2, '.tsbuildinfo': compiled });
      expect(bundledStart(folder)).to.equal(undefined);
    }
  });

  it('is done without where it was not made', async () => {
    expect(bundledStart(await built({ '.tsbuildinfo': 1 }))).to.equal(undefined);
  });
});
