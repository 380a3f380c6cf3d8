import type { Database } from '../database/index.js';

/** The position of the institution's latest change; '0' before the first. */
export async function positionOf(database: Database, institutionId: string): Promise<string> {
  const [row] = await database.query<{ position: string }>(
    // Runs that are old are deleted; where the feed begins says up to where.
    `SELECT GREATEST(0, (SELECT position FROM feed_starts WHERE institution_id = $1),
       (SELECT max(applied_position) FROM sync_runs WHERE institution_id = $1),
       (SELECT max(position) FROM roster_edits WHERE institution_id = $1))::text AS position`,
    [institutionId],
  );
  return row?.position ?? '0';
}
