import type { Database } from '../database/index.js';

/**
 * Waits until no other transaction changes the roster of an institution, and keeps others from it until this
 * transaction ends. Whoever writes the roster or its mappings takes this lock first, before any row: so
 * positions in the change log are in the order of commits, and no two writers wait for each other. Call it
 * inside a transaction.
 */
export async function lockInstitution(database: Database, institutionId: string): Promise<void> {
  // The id as the database writes it: one that a caller wrote in capitals is the same lock.
  await database.query('SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))', [institutionId]);
}
