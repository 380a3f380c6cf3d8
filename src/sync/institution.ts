import type { Database } from '../database/index.js';

/** Keeps all other changes of an institution's roster waiting until the transaction ends: so they have one order. */
export async function lockInstitution(database: Database, institutionId: string): Promise<void> {
  await database.query('SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))', [institutionId]);
}

/** The position of the institution's latest change; '0' before the first. */
export async function positionOf(database: Database, institutionId: string): Promise<string> {
  const [row] = await database.query<{ position: string }>(
    `SELECT GREATEST(0, (SELECT max(applied_position) FROM sync_runs WHERE institution_id = $1),
       (SELECT max(position) FROM roster_edits WHERE institution_id = $1))::text AS position`,
    [institutionId],
  );
  return row?.position ?? '0';
}
