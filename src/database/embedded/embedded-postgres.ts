import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ServiceError } from '../../errors.js';
import type { Logger } from '../../observability/index.js';
import { lockDataDir } from './data-dir-lock.js';
import type { PGliteReady, PGliteWorkerData } from './pglite-worker.js';
import { keepProgram, keptProgram } from './postgres-program.js';
import { shortPathTo } from './short-path.js';

/** Who works with a database that was begun. */
export interface EmbeddedPostgresUser {
  logger: Logger;
  /**
   * Called when the database dies on its own: the process should end, and whoever watches it start it again.
   */
  onFailure?: (error: Error) => void;
}

export interface EmbeddedPostgresOptions extends EmbeddedPostgresUser {
  /** Folder that holds everything; made when it is not there. */
  dataDir: string;
}

export interface EmbeddedPostgres {
  /** How `pg` connects: `host` is the folder of a unix socket. */
  connection: { host: string; port: number; user: string; database: string; password: string };
  /** Writes everything to disk and lets go of the folder. Close every connection first. */
  stop(): Promise<void>;
}

/** A database whose start is under way, while whoever will use it is not there yet. */
export interface EmbeddedPostgresStart {
  /** Hands it over once it is there; throws what kept it from starting, DataDirLockedError among that. */
  use(user: EmbeddedPostgresUser): Promise<EmbeddedPostgres>;
  /** Stops what nobody will use, and lets go of the folder. What kept it from starting is nobody's concern then. */
  abandon(): Promise<void>;
}

const WASI_ENOSPC = 51;

/**
 * PostgreSQL inside this process (PGlite, in a thread of its own), for as long as nobody sets DATABASE_URL.
 * All its clients share one session: use one connection. Throws DataDirLockedError when another process works
 * in the folder.
 */
export async function startEmbeddedPostgres({
  dataDir,
  ...user
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  return (await beginEmbeddedPostgres(await lockDataDir(dataDir), dataDir)).use(user);
}

/**
 * The same in two steps, in a folder that this process has locked: `unlock` is called at the end. Resolves once its
 * thread has begun, which needs nothing more of this one.
 */
export async function beginEmbeddedPostgres(
  unlock: () => Promise<void>,
  dataDir: string,
): Promise<EmbeddedPostgresStart> {
  let begun = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const opening = open(unlock, dataDir, () => begun());
  // It is told to whoever uses it.
  opening.catch(() => {});
  await Promise.race([hasBegun, opening.catch(() => {})]);
  return {
    async use({ logger, onFailure }) {
      const { connection, supervise, stop } = await opening;
      supervise((error) => {
        logger.fatal({ err: error }, 'the embedded database failed');
        onFailure?.(error);
      });
      return { connection, stop };
    },
    abandon: () => opening.then(({ stop }) => stop()).catch(() => {}),
  };
}

interface OpenPostgres extends EmbeddedPostgres {
  /** Reports the thread's end once, unless it was asked for. */
  supervise(report: (error: Error) => void): void;
}

async function open(unlock: () => Promise<void>, dataDir: string, begun: () => void): Promise<OpenPostgres> {
  const short = await shortPathTo(dataDir).catch(async (error: unknown) => {
    await unlock();
    throw error;
  });
  const socketFolder = join(short.path, 'socket');
  const socketPath = join(socketFolder, '.s.PGSQL.5432');
  const letGo = async () => {
    await rm(socketPath, { force: true });
    await short.remove();
    await unlock();
  };
  let worker: Worker | undefined;
  try {
    await mkdir(socketFolder, { recursive: true, mode: 0o700 });
    // Left behind by a process that was killed.
    await rm(socketPath, { force: true });
    const folder = join(dataDir, 'postgres');
    const workerData: PGliteWorkerData = { folder, socketPath, program: keptProgram() };
    worker = new Worker(new URL('./pglite-worker.js', import.meta.url), { workerData });
    begun();
    const ended = endOf(worker);
    const ready = once(worker, 'message') as Promise<[PGliteReady]>;
    const [{ program }] = await Promise.race([ready, ended.then((error) => Promise.reject(error))]);
    keepProgram(program);
    const { supervise, stop } = supervision(worker, ended);
    return {
      connection: { host: socketFolder, port: 5432, user: 'postgres', database: 'postgres', password: '' },
      supervise,
      stop: onceOnly(() => stop().finally(letGo)),
    };
  } catch (error) {
    await worker?.terminate();
    await letGo();
    throw asError(error);
  }
}

/** Why a thread ended: the error that it threw, or its exit code. */
function endOf(worker: Worker): Promise<Error> {
  return new Promise((resolve) => {
    worker.once('error', (thrown: unknown) => resolve(asError(thrown)));
    worker.once('exit', (code) => resolve(new Error(`the embedded database ended with code ${code}`)));
  });
}

/** Its file system throws objects that are no errors: `errno` is one of WASI. */
function asError(thrown: unknown): Error {
  const { errno, message, code } = (thrown ?? {}) as { errno?: number; message?: string; code?: string };
  if (errno === WASI_ENOSPC || code === 'ENOSPC') {
    return new ServiceError('unavailable', 'There is no room left on the disk of DATA_DIR.', {
      reason: 'DISK_FULL',
    });
  }
  if (thrown instanceof Error) return thrown;
  return new Error(`The embedded database failed: ${message ?? code ?? `error ${errno}`}.`);
}

/** What tells of the thread's end unless it was asked for, and what asks for it; a thread already gone ends at once. */
function supervision(worker: Worker, ended: Promise<Error>): Pick<OpenPostgres, 'supervise' | 'stop'> {
  let stopping = false;
  return {
    supervise(report) {
      void ended.then((error) => {
        if (!stopping) report(error);
      });
    },
    async stop() {
      stopping = true;
      const stopped = new Promise<void>((resolve) => worker.once('message', () => resolve()));
      worker.postMessage('stop');
      await Promise.race([stopped, ended]);
      await worker.terminate();
    },
  };
}

/** Whoever asks again gets the answer of the first time. */
function onceOnly(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}
