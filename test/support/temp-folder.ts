import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/** A new empty folder; all of them are removed when the tests end. */
export async function tempFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'smartid-test-')));
  made.push(folder);
  return folder;
}

after(async () => {
  await Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true })));
});
