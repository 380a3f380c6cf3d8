import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  access,
  constants,
  link,
  lstat,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { markOf } from './process-mark.js';
import { shortPathTo, UnusableDataDirError } from './short-path.js';
import { showLife, showsLife } from './sign-of-life.js';

/** Another process works in the data directory. */
export class DataDirLockedError extends Error {
  constructor(dataDir: string, { pid, host }: Holder) {
    const where = host === hostname() ? '' : ` of ${host}`;
    super(
      `DATA_DIR ${dataDir} is in use by process ${pid}${where}. Stop that process, or give this one a DATA_DIR of its own.`,
    );
    this.name = 'DataDirLockedError';
  }
}

/** No socket can be made in the data directory, though files can. */
function noSockets(dataDir: string, error: NodeJS.ErrnoException): Error {
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return error;
  return new UnusableDataDirError(
    `DATA_DIR ${dataDir} lies where no sockets can be made (${error.code}). Set DATA_DIR to a folder on a local disk.`,
    { cause: error },
  );
}

/** What a lock says of who holds it. */
interface Holder {
  /** Its number where it runs, and the name of that machine or container. */
  pid: number;
  host: string;
  /** Name of the socket by which it shows that it lives. Numbers of processes mean nothing in another container. */
  socket: string;
  /** What tells it apart from all other processes where its number means something; empty where that is not known. */
  mark: string;
  /** Number of the folder: a lock that was copied with everything else keeps nobody out of the copy. */
  inode: string;
}

/** The version before wrote when the process had started, and no socket. */
interface HolderAsWritten extends Holder {
  started: string;
}

/** Where locks are, and who wants them. */
interface Locker {
  dataDir: string;
  /** The folder, by a path that is short enough for sockets. */
  folder: string;
  holder: Holder;
}

/**
 * Makes this process the only one that works in a data directory: two of them would destroy the embedded
 * database. A lock whose process is gone is taken over, by one process alone however many try. Returns the
 * function that lets go.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // Of a socket that cannot be made, the system does not say which folder is at fault.
  await access(dataDir, constants.W_OK);
  const short = await shortPathTo(dataDir);
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    socket: `lock-${randomBytes(6).toString('hex')}`,
    mark: await markOf(process.pid),
    inode: String((await stat(dataDir, { bigint: true })).ino),
  };
  let hide = async () => {};
  const leave = async () => {
    await hide();
    await short.remove();
  };
  try {
    hide = await showLife(join(short.path, holder.socket)).catch((error) => {
      throw noSockets(dataDir, error);
    });
    const release = await take('lock', { dataDir, folder: short.path, holder });
    return async () => {
      await release();
      await leave();
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

async function take(name: string, locker: Locker): Promise<() => Promise<void>> {
  const { dataDir, holder } = locker;
  const path = join(dataDir, name);
  const mine = JSON.stringify({ ...holder, token: randomUUID() });
  // Written aside and put in place whole: nobody ever reads a half-written lock.
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, mine, { mode: 0o600 });
    while (!(await linkIfFree(draft, path))) {
      const text = await readIfThere(path);
      if (text === undefined) continue;
      const other = parseHolder(text);
      if (other && (await lives(other, locker))) throw new DataDirLockedError(dataDir, other);
      if (!(await replaceStale(name, text, draft, locker))) continue;
      if (other?.socket) await rm(join(dataDir, other.socket), { force: true });
      break;
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
  name: string,
  staleText: string,
  draft: string,
  locker: Locker,
): Promise<boolean> {
  const path = join(locker.dataDir, name);
  const claim = `${name}.${createHash('sha256').update(staleText).digest('hex').slice(0, 16)}`;
  const release = await take(claim, locker);
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
    // A link to nowhere would be there for `link`, and not for us, for ever; a pipe would never be read to its end.
    if ((await lstat(path)).isFile()) return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  throw new UnusableDataDirError(`${path} is no file. It is the service's own: remove it.`);
}

/** The socket tells it in other containers too; the mark also where the socket was deleted, or is another one by this path. */
async function lives({ pid, socket, mark, inode }: Holder, { folder, holder }: Locker): Promise<boolean> {
  if (socket && (await showsLife(join(folder, socket)))) return true;
  if (inode && inode !== holder.inode) return false;
  // So told the version before where there is no /proc.
  if (!socket && !mark) return isThere(pid);
  const now = await markOf(pid);
  // Elsewhere it told the start alone.
  return mark !== '' && (now === mark || now.endsWith(` ${mark}`));
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Locks appear whole, so one that cannot be read was cut off with the machine: nobody holds it. */
function parseHolder(text: string): Holder | undefined {
  try {
    const {
      pid,
      host = hostname(),
      socket = '',
      mark,
      inode = '',
      started,
    } = JSON.parse(text) as Partial<HolderAsWritten>;
    // Whoever can write here could name any file.
    if (!Number.isSafeInteger(pid) || Number(pid) <= 0 || !/^(lock-[0-9a-f]+)?$/.test(socket))
      return undefined;
    return {
      pid: Number(pid),
      host: String(host),
      socket,
      mark: String(mark ?? started ?? ''),
      inode: String(inode),
    };
  } catch {
    return undefined;
  }
}
