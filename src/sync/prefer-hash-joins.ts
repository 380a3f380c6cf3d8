import type { Database } from '../database/index.js';
import type { SyncRun } from './sync-run.js';

/** From how many rows on a run is joined by hash. */
const MANY = 500;

/**
 * sync_staged has no statistics that fit the run, and PostgreSQL then takes nested loops whose cost is the square of the
 * rows. Hash joins over the run's own part of each table cost its rows. For the transaction under way.
 */
export async function preferHashJoins(database: Database, run: SyncRun): Promise<void> {
  if (run.counts.read + run.membershipCounts.read < MANY) return;
  // Compiling the statements costs more than they do, and hashes that fit into memory need no files.
  await database.query("SET LOCAL enable_nestloop = off; SET LOCAL jit = off; SET LOCAL work_mem = '64MB'");
}
