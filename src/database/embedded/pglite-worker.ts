import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { layDatabase } from './initial-database.js';

/**
 * The thread that PostgreSQL runs in, as WebAssembly, served on a socket. It says 'ready' once it listens,
 * and 'stopped' once all is on disk; any message to it is the request to stop.
 */
const { folder, socketPath } = workerData as { folder: string; socketPath: string };
await layDatabase(folder);
const db = await PGlite.create(folder);
const server = new PGLiteSocketServer({ db, path: socketPath, maxConnections: 8 });
await server.start();

parentPort?.once('message', async () => {
  await server.stop();
  await db.close();
  parentPort?.postMessage('stopped');
  parentPort?.close();
});
parentPort?.postMessage('ready');
