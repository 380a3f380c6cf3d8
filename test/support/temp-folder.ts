import { rmSync } from 'node:fs';
import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atExit } from './at-exit.js';

const made: string[] = [];

/** A new empty folder; all of them are removed when the tests end. */
export async function tempFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'smartid-test-')));
  made.push(folder);
  return folder;
}

atExit(() => {
  // Whoever is just being killed may still add a file to a folder that is being emptied.
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
