import { constants, mkdtemp, open, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Paths of unix sockets end at about 107 bytes, 103 on macOS: so many are left for their names. */
const MAX_FOLDER = 75;

export interface ShortPath {
  path: string;
  remove(): Promise<void>;
}

/** The embedded database cannot work in the data directory; the message says why, and what to do. */
export class UnusableDataDirError extends Error {
  override readonly name = 'UnusableDataDirError';
}

/**
 * A path to a folder that leaves room for the name of a socket in it, for this process; where its own does not, by a
 * handle on it on Linux, which leaves nothing behind, and by a link elsewhere.
 */
export async function shortPathTo(folder: string): Promise<ShortPath> {
  if (isShort(folder)) return { path: folder, remove: async () => {} };
  if (process.platform === 'linux') {
    const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    return { path: `/proc/self/fd/${handle.fd}`, remove: () => handle.close() };
  }
  return linkTo(folder);
}

/** The same by a link, for where processes have no paths to what they hold open. */
export async function linkTo(folder: string): Promise<ShortPath> {
  // Longer ones are cut off, and mean another file.
  if (!isShort(join(tmpdir(), 'smartid-XXXXXX', 'd'))) throw tooLong(folder);
  const temporary = await mkdtemp(join(tmpdir(), 'smartid-')).catch((error: unknown) => {
    throw tooLong(folder, error);
  });
  const remove = () => rm(temporary, { recursive: true, force: true });
  const path = join(temporary, 'd');
  try {
    await symlink(folder, path, 'dir');
  } catch (error) {
    await remove();
    throw tooLong(folder, error);
  }
  return { path, remove };
}

function isShort(folder: string): boolean {
  return Buffer.byteLength(folder) <= MAX_FOLDER;
}

function tooLong(folder: string, cause?: unknown): UnusableDataDirError {
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  return new UnusableDataDirError(
    `The path of DATA_DIR ${folder} is too long for sockets, and no short one to it can be made in ${tmpdir()}${why}. Set DATA_DIR or TMPDIR to a folder with a shorter path.`,
    { cause },
  );
}
