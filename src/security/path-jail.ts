import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { type ConfinedFiles, ConnectorError } from '../connectors/index.js';

/**
 * Files below one folder, and no others: links are resolved before anything is opened, and what they lead to
 * must lie inside. `root` is made when it is not there.
 */
export function createPathJail(root: string): ConfinedFiles {
  return {
    folder: (path) => existingFolder(root, path),

    async requireInside(path) {
      await wantedInside(root, path);
    },

    async makeFolder(path) {
      const wanted = await wantedInside(root, path);
      await mkdir(wanted, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
        throw new ConnectorError(
          `The folder "${path}" cannot be made (${error.code}). The service needs the right to write there.`,
        );
      });
      return existingFolder(root, path);
    },

    async open(folder, name) {
      const path = await inFolder(root, folder, name);
      const found = await realpath(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw new ConnectorError(`${name} cannot be opened (${error.code}).`);
      });
      if (found === undefined) return undefined;
      if (!isInside(await resolvedRoot(root), found)) throw outside(name);
      // NONBLOCK: opening a pipe would wait for a writer for ever. NOFOLLOW: what was looked at is what is
      // opened.
      const file = await open(found, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
        (error: NodeJS.ErrnoException) => {
          throw new ConnectorError(
            `${name} cannot be opened (${error.code}). The service needs the right to read it.`,
          );
        },
      );
      return requireRegular(file, name);
    },

    async replace(folder, name, content) {
      const path = await inFolder(root, folder, name);
      const draft = join(folder, `.${name}.${randomUUID()}.tmp`);
      try {
        const file = await open(draft, 'wx', 0o644);
        try {
          await file.writeFile(content);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true });
        throw new ConnectorError(`${name} cannot be written (${(error as NodeJS.ErrnoException).code}).`, {
          cause: error,
        });
      }
      await syncFolder(folder);
    },
  };
}

/** Absolute, resolved path of a folder. Throws ConnectorError when it is missing, no folder, or outside. */
async function existingFolder(root: string, path: string): Promise<string> {
  const base = await resolvedRoot(root);
  const wanted = isAbsolute(path) ? resolve(path) : resolve(base, path);
  const found = await realpath(wanted).catch((error: NodeJS.ErrnoException) => {
    // Not there: whether it would lie inside decides what may be said.
    if (isInside(base, wanted) || isInside(resolve(root), wanted)) {
      throw new ConnectorError(
        `The folder "${path}" cannot be opened (${error.code}). Create it, or correct the path.`,
      );
    }
    throw outside(path);
  });
  if (!isInside(base, found)) throw outside(path);
  if (!(await stat(found)).isDirectory()) throw new ConnectorError(`"${path}" is not a folder.`);
  return found;
}

/**
 * Absolute path of what may not be there yet. Throws ConnectorError when it would lie outside, also by a
 * link.
 */
async function wantedInside(root: string, path: string): Promise<string> {
  const base = await resolvedRoot(root);
  const wanted = isAbsolute(path) ? resolve(path) : resolve(base, path);
  if (!isInside(base, wanted) && !isInside(resolve(root), wanted)) throw outside(path);
  // Links are resolved where there is something already: what is made lies below that.
  const there = await realpath(await deepestExisting(wanted)).catch(() => undefined);
  if (there === undefined || !isInside(base, there)) throw outside(path);
  return wanted;
}

/** The path itself, or the nearest folder above it that is there. */
async function deepestExisting(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const isThere = await lstat(at).then(
      () => true,
      () => false,
    );
    if (isThere || at === dirname(at)) return at;
  }
}

async function resolvedRoot(root: string): Promise<string> {
  await mkdir(root, { recursive: true });
  return realpath(root);
}

/** The path of a plain file name in a folder that was resolved before. */
async function inFolder(root: string, folder: string, name: string): Promise<string> {
  if (name.includes('\0') || basename(name) !== name || name === '' || name === '.' || name === '..') {
    throw new ConnectorError(
      `"${name.replaceAll('\0', '\u2400')}" is not a file name; folders belong into importPath or exportPath.`,
    );
  }
  if (!isInside(await resolvedRoot(root), folder)) throw outside(folder);
  return join(folder, name);
}

async function requireRegular(file: FileHandle, name: string): Promise<FileHandle> {
  const stats: Stats = await file.stat();
  if (stats.isFile()) return file;
  await file.close();
  throw new ConnectorError(`${name} is not a regular file.`);
}

/** So that the new name survives a power cut, not only the content. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function outside(path: string): ConnectorError {
  return new ConnectorError(
    `"${path}" lies outside of the folder that connectors may use. Ask the operator, who sets it as CSV_ROOT.`,
  );
}
