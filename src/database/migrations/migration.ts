/** A step of the schema from one version to the next. */
export interface Migration {
  /** By which it is known that it was applied; they are applied in the order of their names. */
  name: string;
  /**
   * What would keep others waiting for as long as a table is large: done before the migration. On a database that
   * others use it is done outside of a transaction, so that nobody waits for it, by a process that may die on
   * the way; else with the migration. Each step can be repeated, and bothers no process of the version before.
   */
  ahead?: {
    /** Statements that add columns `IF NOT EXISTS`, of which the indexes are made. */
    columns: readonly string[];
    indexes: readonly NewIndex[];
  };
  /** What is then done, in one transaction with all other migrations. */
  sql: string;
}

/** An index on a table that may be large by now. */
export interface NewIndex {
  name: string;
  /** `table (columns) WHERE …` */
  on: string;
  unique?: boolean;
}

/** The statement that makes an index where it is not there. */
export function createIndex({ name, on, unique = false }: NewIndex, how: 'CONCURRENTLY' | '' = ''): string {
  return `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${how} IF NOT EXISTS ${name} ON ${on}`;
}
