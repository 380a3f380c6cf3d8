import type { Database } from '../../src/database/index.js';
import { JobQueue } from '../../src/jobs/index.js';
import type { Logger } from '../../src/observability/index.js';

/** Makes the tables of the job queue, which take a while, so that copies of the database have them. */
export async function makeQueueTables(database: Database, logger: Logger): Promise<void> {
  const jobs = new JobQueue({ database, logger });
  await jobs.start();
  await jobs.stop(0);
}
