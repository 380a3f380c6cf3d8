import type { Database } from '../../../database/index.js';

/**
 * Up to so many rows of a run, looking each of them up costs less than reading all that is known of any
 * school.
 */
const FEW = 500;
/** Looking one row up costs as much as going through so many. */
const LOOKUP_COST = 20;

/** How many rows of a run look for their like, and among how many. */
export interface JoinSizes {
  rows: number;
  among: number;
}

/** Whether looking each row up by a whole key costs less than going through all there are. */
export function areFew({ rows, among }: JoinSizes, few = FEW): boolean {
  return rows <= few || rows * LOOKUP_COST <= among;
}

/**
 * sync_staged and sync_changes have no statistics that fit a run, and a new database has none at all.
 * PostgreSQL then takes nested loops, which cost the square of the rows: seconds for some hundreds. Hash
 * joins over the run's own part of each table cost their sum. For the transaction under way, whatever the
 * number of rows.
 */
export async function preferHashJoins(database: Database): Promise<void> {
  // Compiling the statements costs more than they do, and hashes that fit into memory need no files.
  await database.query("SET LOCAL enable_nestloop = off; SET LOCAL jit = off; SET LOCAL work_mem = '64MB'");
}

/**
 * Does a statement in which each of some rows of a run finds its like in other tables by a whole key, `among`
 * so many. Where they are few, or few among many, each is looked up, rather than going through all. Not for a
 * statement that joins rows of runs with one another: there is no key for that.
 */
export async function lookUp<T>(
  database: Database,
  sizes: JoinSizes,
  statement: () => Promise<T>,
): Promise<T> {
  // Without statistics PostgreSQL may take the wrong index, or begin at the wrong table.
  if (!areFew(sizes) || !(await hasStatistics(database))) return statement();
  await database.query(
    'SET LOCAL enable_nestloop = on; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off',
  );
  const result = await statement();
  await database.query(
    'SET LOCAL enable_nestloop = off; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on',
  );
  return result;
}

/** Whether the mappings were ever looked at by ANALYZE. */
async function hasStatistics(database: Database): Promise<boolean> {
  // Nothing analyses the embedded database, and to ask costs it more than most statements of a small run.
  if (!database.copies) return false;
  const [row] = await database.query<{ analyzed: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_stats
      WHERE schemaname = current_schema() AND tablename = 'integration_mappings') AS analyzed`,
  );
  return row?.analyzed === true;
}
