import type { Database } from '../database/index.js';
import type { SyncRun } from './sync-run.js';

/** From how many rows on a run is joined by hash. */
const MANY = 500;

/**
 * sync_staged has no statistics that fit the run, and PostgreSQL then takes nested loops whose cost is the square of the
 * rows. Hash joins over the run's own part of each table cost its rows. For the transaction under way.
 */
export async function preferHashJoins(database: Database, run: SyncRun): Promise<void> {
  if (run.counts.read + run.membershipCounts.read >= MANY) await database.query('SET LOCAL enable_nestloop = off');
}
