export { DataDirLockedError } from './data-dir-lock.js';
export { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.js';
export { postgresProgram } from './postgres-program.js';
export { UnusableDataDirError } from './short-path.js';
