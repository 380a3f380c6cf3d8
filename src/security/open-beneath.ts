import { constants, existsSync } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';

/** What was asked for lies outside of the folder. */
export class OutsideError extends Error {}

/** As many links as the kernel follows. */
const MOST_LINKS = 40;
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
// NONBLOCK: opening a pipe would wait for a writer for ever.
const FILE = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
const HANDLES = '/proc/self/fd';
/** Whether a handle has a path, by which what lies in its folder is opened, wherever that has moved to. */
const HAS_HANDLES = existsSync(HANDLES);

/** A folder that is open. What is done at `at(name)` is done in this very folder, whatever its path leads to by now. */
export interface OpenFolder {
  handle: FileHandle;
  /** Names of the folders from the base to this one, links resolved. */
  names: readonly string[];
  at(name: string): string;
}

interface Step {
  handle: FileHandle;
  /** Empty for the base. */
  name: string;
}

/**
 * Opens a folder below `base` and hands it to `use`. Each step is opened in the folder before it and no link
 * is followed unseen, so that whoever renames folders or puts links in their place meanwhile leads nowhere
 * else. Throws OutsideError, and errors of the file system.
 */
export async function withFolder<T>(
  base: string,
  path: readonly string[],
  use: (folder: OpenFolder) => Promise<T>,
): Promise<T> {
  const steps = await walk(base, path);
  try {
    return await use(asFolder(base, steps));
  } finally {
    await closeAll(steps);
  }
}

/** Opens a file of a folder for reading. A link is followed as long as it stays below `base`. */
export async function openFile(base: string, path: readonly string[]): Promise<FileHandle> {
  const steps = await walk(base, path, FILE);
  const file = steps.pop() as Step;
  await closeAll(steps);
  return file.handle;
}

/** Opens step by step; the last one with `lastFlags`. The caller closes them. */
async function walk(base: string, path: readonly string[], lastFlags = FOLDER): Promise<Step[]> {
  const steps: Step[] = [{ handle: await open(base, constants.O_RDONLY | constants.O_DIRECTORY), name: '' }];
  let todo = [...path];
  let links = 0;
  try {
    for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (steps.length === 1) throw new OutsideError();
        await steps.pop()?.handle.close();
        continue;
      }
      const next = await openStep(base, steps, name, todo.length === 0 ? lastFlags : FOLDER);
      if (typeof next !== 'string') {
        steps.push({ handle: next, name });
        continue;
      }
      links += 1;
      if (links > MOST_LINKS) throw Object.assign(new Error('too many links'), { code: 'ELOOP' });
      if (isAbsolute(next)) {
        if (!isInside(base, next)) throw new OutsideError();
        await closeAll(steps.splice(1));
      }
      todo = [...(isAbsolute(next) ? relative(base, next) : next).split(sep), ...todo];
    }
    return steps;
  } catch (error) {
    await closeAll(steps);
    throw error;
  }
}

/** The handle of what has this name in the last of the steps, or where it leads to as a link. */
async function openStep(
  base: string,
  steps: readonly Step[],
  name: string,
  flags: number,
): Promise<FileHandle | string> {
  const path = asFolder(base, steps).at(name);
  try {
    const handle = await open(path, flags);
    if (!HAS_HANDLES)
      await verify(base, path, handle).catch(async (error: unknown) => {
        await handle.close();
        throw error;
      });
    return handle;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What Linux says of a link that must not be followed, and of one that is no folder.
    if (code !== 'ELOOP' && code !== 'ENOTDIR') throw error;
    return readlink(path).catch(() => {
      throw error;
    });
  }
}

function asFolder(base: string, steps: readonly Step[]): OpenFolder {
  const { handle } = steps.at(-1) as Step;
  const names = steps.slice(1).map(({ name }) => name);
  return {
    handle,
    names,
    at: (name) => (HAS_HANDLES ? `${HANDLES}/${handle.fd}/${name}` : join(base, ...names, name)),
  };
}

/** Where handles have no paths: what was opened must be what lies there now, and there must be inside. */
async function verify(base: string, path: string, handle: FileHandle): Promise<void> {
  const [opened, there, found] = await Promise.all([handle.stat(), stat(path), realpath(path)]);
  if (opened.dev === there.dev && opened.ino === there.ino && isInside(base, found)) return;
  throw new OutsideError();
}

async function closeAll(steps: readonly Step[]): Promise<void> {
  await Promise.all(steps.map(({ handle }) => handle.close()));
}

/** Whether a path lies in a folder or is it, by its letters alone. */
export function isInside(base: string, path: string): boolean {
  const way = relative(base, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
