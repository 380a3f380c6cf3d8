import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Paths of unix sockets end at about 107 bytes, 103 on macOS: so many are left for their names. */
const MAX_FOLDER = 75;

export interface ShortPath {
  path: string;
  remove(): Promise<void>;
}

/** A path to a folder that leaves room for the name of a socket in it; a link to it where its own does not. */
export async function shortPathTo(folder: string): Promise<ShortPath> {
  if (Buffer.byteLength(folder) <= MAX_FOLDER) return { path: folder, remove: async () => {} };
  const temporary = await mkdtemp(join(tmpdir(), 'smartid-'));
  const path = join(temporary, 'd');
  await symlink(folder, path, 'dir');
  return { path, remove: () => rm(temporary, { recursive: true, force: true }) };
}
