import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The text of a file that only its owner may read, made by `make` when it is not there. Two processes that
 * start at once agree on one text. `made` tells whether this call made it.
 */
export async function readOrMakePrivateFile(
  path: string,
  make: () => string,
): Promise<{ text: string; made: boolean }> {
  const existing = await readPrivate(path);
  if (existing !== undefined) return { text: existing, made: false };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}`;
  const text = make();
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // A link appears whole or not at all, and never replaces what another process was quicker to make.
    await link(draft, path);
    return { text, made: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { text: await readFile(path, 'utf8'), made: false };
  } finally {
    await rm(draft, { force: true });
  }
}

async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    await chmod(path, 0o600);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
