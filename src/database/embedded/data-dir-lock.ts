import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Another process works in the data directory. */
export class DataDirLockedError extends Error {
  constructor(dataDir: string, pid: number) {
    super(`DATA_DIR ${dataDir} is in use by process ${pid}. Stop that process, or give this one a DATA_DIR of its own.`);
    this.name = 'DataDirLockedError';
  }
}

interface Holder {
  pid: number;
  /** When the process started, so that another one with the same number is told apart; empty where that is not known. */
  started: string;
}

/**
 * Makes this process the only one that works in a data directory: two of them would destroy the embedded database. A lock
 * whose process is gone is taken over. Returns the function that lets go.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, 'lock');
  const mine = JSON.stringify({ pid: process.pid, started: await startOf(process.pid), token: randomUUID() });
  // Written aside and linked: nobody ever reads a half-written lock.
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, mine, { mode: 0o600 });
  try {
    while (!(await linkIfFree(draft, path))) {
      const text = await readFile(path, 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      const holder = JSON.parse(text) as Holder;
      if (await isAlive(holder)) throw new DataDirLockedError(dataDir, holder.pid);
      await removeStale(path, text);
    }
  } finally {
    await rm(draft, { force: true });
  }
  return async () => {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === mine) await rm(path, { force: true });
  };
}

async function linkIfFree(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Of several processes that find the same stale lock, one may already hold a new one: that one is put back. */
async function removeStale(path: string, staleText: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== staleText) await linkIfFree(aside, path);
  await rm(aside, { force: true });
}

async function isAlive({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = await startOf(pid);
  return now === started || now === '' || started === '';
}

/** Start of a process in clock ticks since boot, where /proc tells; else empty. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may hold spaces; the start time is the 20th field after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
