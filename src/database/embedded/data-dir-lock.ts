import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Another process works in the data directory. */
export class DataDirLockedError extends Error {
  constructor(dataDir: string, pid: number) {
    super(
      `DATA_DIR ${dataDir} is in use by process ${pid}. Stop that process, or give this one a DATA_DIR of its own.`,
    );
    this.name = 'DataDirLockedError';
  }
}

interface Holder {
  pid: number;
  /**
   * When the process started, so that another one with the same number is told apart; empty where that is not
   * known.
   */
  started: string;
}

/**
 * Makes this process the only one that works in a data directory: two of them would destroy the embedded
 * database. A lock whose process is gone is taken over, by one process alone however many try. Returns the
 * function that lets go.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  return take(join(dataDir, 'lock'), dataDir);
}

async function take(path: string, dataDir: string): Promise<() => Promise<void>> {
  const mine = JSON.stringify({ pid: process.pid, started: await startOf(process.pid), token: randomUUID() });
  // Written aside and put in place whole: nobody ever reads a half-written lock.
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, mine, { mode: 0o600 });
  try {
    while (!(await linkIfFree(draft, path))) {
      const text = await readIfThere(path);
      if (text === undefined) continue;
      const holder = parseHolder(text);
      if (holder && (await isAlive(holder))) throw new DataDirLockedError(dataDir, holder.pid);
      if (await replaceStale(path, text, draft, dataDir)) break;
    }
  } finally {
    await rm(draft, { force: true });
  }
  return async () => {
    if ((await readIfThere(path)) === mine) await rm(path, { force: true });
  };
}

/**
 * Puts the draft in the place of a stale lock. Moving the stale one away first would leave a moment in which
 * a slower process moves a fresh lock away: so whoever replaces a stale lock holds a claim on that very lock,
 * which is a lock like any other, and looks once more whether it is still there.
 */
async function replaceStale(
  path: string,
  staleText: string,
  draft: string,
  dataDir: string,
): Promise<boolean> {
  const claim = `${path}.${createHash('sha256').update(staleText).digest('hex').slice(0, 16)}`;
  const release = await take(claim, dataDir);
  try {
    if ((await readIfThere(path)) !== staleText) return false;
    await rename(draft, path);
    return true;
  } finally {
    await release();
  }
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

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Locks appear whole, so one that cannot be read was cut off with the machine: nobody holds it. */
function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(text) as Partial<Holder>;
    return Number.isSafeInteger(pid) && Number(pid) > 0
      ? { pid: Number(pid), started: String(started ?? '') }
      : undefined;
  } catch {
    return undefined;
  }
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
