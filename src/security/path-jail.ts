import { randomUUID } from 'node:crypto';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { basename, isAbsolute, relative, resolve, sep } from 'node:path';
import { type ConfinedFiles, ConnectorError } from '../connectors/index.js';
import { isInside, type OpenFolder, OutsideError, openFile, withFolder } from './open-beneath.js';

type Content = Parameters<ConfinedFiles['replace']>[2];

/**
 * Files below one folder, and no others, whatever becomes of the folders on the way meanwhile. Folders are
 * named by their path below `root`; a path of the machine is in no answer. `root` is made when it is not
 * there.
 */
export function createPathJail(root: string): ConfinedFiles {
  return {
    async folder(path) {
      const base = await resolvedRoot(root);
      return existingFolder(base, wayTo(root, base, path), path);
    },

    async requireInside(path) {
      const base = await resolvedRoot(root);
      await withFolder(base, wayTo(root, base, path), async () => undefined).catch((error: unknown) => {
        // What is missing would be made below what is there, which is inside.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unopened(path, error);
      });
    },

    async makeFolder(path) {
      const base = await resolvedRoot(root);
      const way = wayTo(root, base, path);
      for (const [place, name] of way.entries()) {
        if (['', '.', '..'].includes(name)) continue;
        await withFolder(base, way.slice(0, place), (parent) => makeIn(parent, name)).catch(
          (error: unknown) => {
            if (error instanceof OutsideError) throw outside(path);
            throw new ConnectorError(
              `The folder "${path}" cannot be made (${(error as NodeJS.ErrnoException).code}). The service needs the right to write there.`,
            );
          },
        );
      }
      return existingFolder(base, way, path);
    },

    async open(folder, name) {
      requireName(name);
      const base = await resolvedRoot(root);
      const way = [...wayTo(root, base, folder), name];
      const file = await openFile(base, way).catch((error: unknown) => {
        if (error instanceof OutsideError) throw outside(name);
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return undefined;
        throw new ConnectorError(
          `${name} cannot be opened (${code}). The service needs the right to read it.`,
        );
      });
      return file && requireRegular(file, name);
    },

    async replace(folder, name, content) {
      requireName(name);
      const base = await resolvedRoot(root);
      try {
        await withFolder(base, wayTo(root, base, folder), (opened) => replaceIn(opened, name, content));
      } catch (error) {
        throw unwritten(folder, name, error);
      }
    },

    async stage(folder, content) {
      const base = await resolvedRoot(root);
      return withFolder(base, wayTo(root, base, folder), (opened) => stageIn(opened, content)).catch(
        (error: unknown) => {
          throw unwritten(folder, 'The file', error);
        },
      );
    },

    async rename(folder, name, to) {
      for (const given of [name, to]) requireName(given);
      const base = await resolvedRoot(root);
      await withFolder(base, wayTo(root, base, folder), async (opened) => {
        await rename(opened.at(name), opened.at(to));
        await opened.handle.sync();
      }).catch((error: unknown) => {
        throw unwritten(folder, to, error);
      });
    },

    async remove(folder, name) {
      requireName(name);
      const base = await resolvedRoot(root);
      await withFolder(base, wayTo(root, base, folder), (opened) => unlink(opened.at(name))).catch(
        (error: unknown) => {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
          throw unwritten(folder, name, error);
        },
      );
    },

    async list(folder) {
      const base = await resolvedRoot(root);
      return withFolder(base, wayTo(root, base, folder), (opened) => readdir(opened.at('.'))).catch(
        (error: unknown) => {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
          throw unopened(folder, error);
        },
      );
    },

    async sweep(folder, before) {
      const base = await resolvedRoot(root);
      return withFolder(base, wayTo(root, base, folder), (opened) => sweepIn(opened, before)).catch(
        (error: unknown) => {
          if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
          throw unopened(folder, error);
        },
      );
    },
  };
}

/** The path of a folder below the root, links resolved. */
async function existingFolder(base: string, way: readonly string[], path: string): Promise<string> {
  return withFolder(base, way, async ({ names }) => names.join('/') || '.').catch((error: unknown) => {
    throw unopened(path, error);
  });
}

async function makeIn(parent: OpenFolder, name: string): Promise<void> {
  await mkdir(parent.at(name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** What a caller's own content failed at stays as it is. */
function unwritten(folder: string, name: string, error: unknown): unknown {
  if (error instanceof OutsideError) return outside(folder);
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof ConnectorError || typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) return error;
  return new ConnectorError(`${name} cannot be written (${code}).`, { cause: error });
}

function unopened(path: string, error: unknown): ConnectorError {
  if (error instanceof OutsideError) return outside(path);
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOTDIR') return new ConnectorError(`"${path}" is not a folder.`);
  return new ConnectorError(
    `The folder "${path}" cannot be opened (${code}). Create it, or correct the path.`,
  );
}

async function resolvedRoot(root: string): Promise<string> {
  try {
    await mkdir(root, { recursive: true });
    return await realpath(root);
  } catch (error) {
    throw new ConnectorError(
      `The folder that connectors may use cannot be made or read (${(error as NodeJS.ErrnoException).code}). Ask the operator, who sets it as CSV_ROOT.`,
    );
  }
}

/** The names from the root to a folder. Throws when its path, by its letters, leads elsewhere. */
function wayTo(root: string, base: string, path: string): string[] {
  const wanted = resolve(base, path);
  for (const from of [base, resolve(root)])
    if (isInside(from, wanted)) return relative(from, wanted).split(sep);
  throw outside(isAbsolute(path) ? basename(path) : path);
}

function requireName(name: string): void {
  if (!name.includes('\0') && basename(name) === name && !['', '.', '..'].includes(name)) return;
  throw new ConnectorError(
    `"${name.replaceAll('\0', '\u2400')}" is not a file name; folders belong into importPath or exportPath.`,
  );
}

/** A file that is being written. What comes before the id is of other versions of the service. */
const DRAFT = /^\.(?:.+\.)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/** Readers see the old content or the new, never a part. */
async function replaceIn(folder: OpenFolder, name: string, content: Content): Promise<void> {
  const draft = await stageIn(folder, content);
  try {
    await rename(folder.at(draft), folder.at(name));
  } catch (error) {
    await rm(folder.at(draft), { force: true });
    throw error;
  }
  // So that the new name survives a power cut, not only the content.
  await folder.handle.sync();
}

/** Returns the name; nothing is left where it fails. */
async function stageIn(folder: OpenFolder, content: Content): Promise<string> {
  const draft = `.${randomUUID()}.tmp`;
  const path = folder.at(draft);
  try {
    const file = await open(path, 'wx', 0o644);
    try {
      await writeFile(file, content);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return draft;
}

async function sweepIn(folder: OpenFolder, before: Date): Promise<number> {
  let swept = 0;
  for (const name of await readdir(folder.at('.'))) {
    if (!DRAFT.test(name)) continue;
    try {
      const file = await lstat(folder.at(name));
      if (!file.isFile() || file.mtime >= before) continue;
      await unlink(folder.at(name));
      swept += 1;
    } catch (error) {
      // Another process was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return swept;
}

async function requireRegular(file: FileHandle, name: string): Promise<FileHandle> {
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new ConnectorError(`${name} is not a regular file.`);
}

function outside(path: string): ConnectorError {
  return new ConnectorError(
    `"${path}" lies outside of the folder that connectors may use. Ask the operator, who sets it as CSV_ROOT.`,
  );
}
