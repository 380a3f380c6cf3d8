import type { Database } from '../database/index.js';

/** Up to so many rows of a run, looking each of them up costs less than reading all that is known of the school. */
const FEW = 500;
/** Looking one row up costs as much as going through so many. */
const LOOKUP_COST = 20;

/**
 * sync_staged and sync_changes have no statistics that fit a run, and PostgreSQL then takes nested loops, which for many
 * rows cost their square. Hash joins over the run's own part of each table cost its rows. For the transaction under way.
 */
export async function preferHashJoins(database: Database, rows: number): Promise<void> {
  if (rows <= FEW) return;
  // Compiling the statements costs more than they do, and hashes that fit into memory need no files.
  await database.query("SET LOCAL enable_nestloop = off; SET LOCAL jit = off; SET LOCAL work_mem = '64MB'");
}

/**
 * Does a statement in which each of some rows of a run finds its like in other tables by a whole key, `among` so many.
 * Where they are few among many each is looked up, rather than going through all. Not for a statement that joins rows of
 * runs with one another: there is no key for that.
 */
export async function lookUp<T>(
  database: Database,
  { rows, among }: { rows: number; among: number },
  statement: () => Promise<T>,
): Promise<T> {
  // The embedded database has no statistics yet after a first sync, and would begin at the wrong table: minutes, not milliseconds.
  if (!database.copies || rows <= FEW || rows * LOOKUP_COST > among) return statement();
  await database.query('SET LOCAL enable_nestloop = on; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off');
  const result = await statement();
  await database.query('SET LOCAL enable_nestloop = off; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on');
  return result;
}
