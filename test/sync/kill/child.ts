import { startEmbeddedPostgres } from '../../../src/database/embedded/index.js';
import { Database } from '../../../src/database/index.js';
import { createLogger } from '../../../src/observability/index.js';
import { faultyDatabase } from '../../support/faulty-database.js';
import { begin, killAt, type Place, syncsOf, type Work } from './work.js';

/**
 * A process of its own that does a piece of work, until it is killed at a place. On PostgreSQL, or on the
 * embedded database of a folder.
 */
export interface Order {
  url?: string;
  dataDir?: string;
  work: Work;
  place: Place;
}

const { url, dataDir = '', work, place } = JSON.parse(process.argv[2] as string) as Order;
const logger = createLogger({ level: 'silent' });
const connection = url ?? (await startEmbeddedPostgres({ dataDir, logger })).connection;
const database = new Database({ connection, poolSize: url ? 4 : 1, embedded: !url, logger });
await begin(syncsOf(faultyDatabase(database, killAt(place)).database), work);
process.exit(0);
