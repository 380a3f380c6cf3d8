import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { layDatabase } from './initial-database.js';
import { compileProgram, type PostgresProgram } from './postgres-program.js';
import { takeWholeStatements } from './whole-statements.js';

export interface PGliteWorkerData {
  /** Where the database is. */
  folder: string;
  /** Where it is to be reached. */
  socketPath: string;
  /** Undefined where nobody has compiled it yet. */
  program: PostgresProgram | undefined;
}

/** What the thread says once the database can be reached. */
export interface PGliteReady {
  program: PostgresProgram;
}

/**
 * The thread that PostgreSQL runs in, as WebAssembly, served on a socket. It says that it is ready once it listens,
 * and 'stopped' once all is on disk; any message to it is the request to stop.
 */
const { folder, socketPath, program: given } = workerData as PGliteWorkerData;
// Here, as the thread that begins this one may be at work for long.
const program = given ?? (await compileProgram());
await layDatabase(folder);
const db = await PGlite.create(folder, { pgliteWasmModule: program });
const server = new PGLiteSocketServer({ db, path: socketPath, maxConnections: 8 });
takeWholeStatements(server);
await server.start();

parentPort?.once('message', async () => {
  await server.stop();
  await db.close();
  parentPort?.postMessage('stopped');
  parentPort?.close();
});
parentPort?.postMessage({ program } satisfies PGliteReady);
