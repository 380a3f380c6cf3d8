import type { Database } from '../../src/database/index.js';

/** Leaves the database as one on which nobody ever ran ANALYZE. Needs a superuser. */
export async function forgetStatistics(database: Database): Promise<void> {
  const tables = `SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace`;
  await database.execute(`DELETE FROM pg_statistic WHERE starelid IN (${tables})`);
  await database.execute(
    `UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE oid IN (${tables}) AND relkind IN ('r', 'i')`,
  );
}
