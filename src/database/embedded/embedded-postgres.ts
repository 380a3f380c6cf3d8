import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../../observability/index.js';
import { lockDataDir } from './data-dir-lock.js';

export interface EmbeddedPostgresOptions {
  /** Folder that holds everything; made when it is not there. */
  dataDir: string;
  logger: Logger;
  /** Called when the database dies on its own: the process should end, and whoever watches it start it again. */
  onFailure?: (error: Error) => void;
}

export interface EmbeddedPostgres {
  /** How `pg` connects: `host` is the folder of a unix socket. */
  connection: { host: string; port: number; user: string; database: string; password: string };
  /** Writes everything to disk and lets go of the folder. Close every connection first. */
  stop(): Promise<void>;
}

/** Unix socket paths end at about 107 bytes. */
const MAX_SOCKET_FOLDER = 85;

/**
 * PostgreSQL inside this process (PGlite, in a thread of its own), for as long as nobody sets DATABASE_URL. All its
 * clients share one session: use one connection. Throws DataDirLockedError when another process works in the folder.
 */
export async function startEmbeddedPostgres({ dataDir, logger, onFailure }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const unlock = await lockDataDir(dataDir);
  const short = Buffer.byteLength(dataDir) <= MAX_SOCKET_FOLDER;
  const socketFolder = short ? join(dataDir, 'socket') : await mkdtemp(join(tmpdir(), 'smartid-'));
  const socketPath = join(socketFolder, '.s.PGSQL.5432');
  try {
    await mkdir(socketFolder, { recursive: true, mode: 0o700 });
    // Left behind by a process that was killed.
    await rm(socketPath, { force: true });
    const folder = join(dataDir, 'postgres');
    const worker = new Worker(new URL('./pglite-worker.js', import.meta.url), { workerData: { folder, socketPath } });
    await once(worker, 'message');
    let stopping = false;
    worker.on('error', (error) => {
      logger.fatal({ err: error }, 'the embedded database failed');
      onFailure?.(error);
    });
    worker.on('exit', (code) => {
      if (!stopping) onFailure?.(new Error(`the embedded database ended with code ${code}`));
    });
    return {
      connection: { host: socketFolder, port: 5432, user: 'postgres', database: 'postgres', password: '' },
      async stop() {
        if (stopping) return;
        stopping = true;
        const stopped = once(worker, 'message');
        worker.postMessage('stop');
        await stopped;
        await worker.terminate();
        await rm(short ? socketPath : socketFolder, { recursive: true, force: true });
        await unlock();
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}
