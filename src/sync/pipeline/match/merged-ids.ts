import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { decisionsOf } from '../../conflicts/former-decision.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { RUN } from '../sql/run-sql.js';
import { identifying } from './contradiction.js';

/**
 * The ids that a merge left out and that the source has instead of the one that stayed: that one was missing before and is
 * not read now either, or has no mapping any more, and the row has the national id of the person. These are no longer left out: their rows
 * become conflicts, by which the person can be given the id that the source has.
 */
export async function findIdsInstead(database: Database, run: SyncRun, spec: EntitySpec): Promise<string[]> {
  const { integrationId, id, institutionId } = run;
  // Merges are few: each is looked up by its keys.
  const merged = await database.query<{ externalId: string; stayedId: string | null; nationalId: string }>(
    `SELECT d.external_id AS "externalId", m.external_id AS "stayedId", t.national_id AS "nationalId"
     FROM ${decisionsOf('$1', '$2')} d
     LEFT JOIN LATERAL (SELECT m.* FROM integration_mappings m WHERE m.integration_id = $1 AND m.entity_type = $2
       AND m.internal_id = d.internal_id OFFSET 0) m ON true
     JOIN LATERAL (SELECT t.* FROM ${spec.table} t WHERE t.institution_id = $3 AND t.id = d.internal_id
       OFFSET 0) t ON true
     WHERE d.resolution = 'IGNORE' AND d.internal_id IS NOT NULL
       AND (m.internal_id IS NULL OR m.missing_runs > 0 AND m.external_id <> d.external_id)
       AND ${identifying('t.national_id')} IS NOT NULL`,
    [integrationId, spec.entityType, institutionId],
  );
  if (merged.length === 0) return [];
  const found = await database.query<{ externalId: string }>(
    `SELECT g.external_id AS "externalId" FROM unnest($3::text[], $4::text[], $5::text[])
       AS g (external_id, stayed_id, national_id)
     JOIN sync_staged s ON ${RUN} AND s.kind = 'ENTITY' AND s.external_id = g.external_id
       AND s.national_id = g.national_id
     WHERE g.stayed_id IS NULL OR g.stayed_id NOT IN (SELECT s.external_id FROM sync_staged s WHERE ${RUN} AND s.kind = 'ENTITY')`,
    [
      integrationId,
      id,
      merged.map(({ externalId }) => externalId),
      merged.map(({ stayedId }) => stayedId),
      merged.map(({ nationalId }) => nationalId),
    ],
  );
  return found.map(({ externalId }) => externalId);
}
