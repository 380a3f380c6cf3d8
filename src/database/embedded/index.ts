export { beginEarly } from './begin-early.js';
export { DataDirLockedError } from './data-dir-lock.js';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresStart,
  startEmbeddedPostgres,
} from './embedded-postgres.js';
export { UnusableDataDirError } from './short-path.js';
