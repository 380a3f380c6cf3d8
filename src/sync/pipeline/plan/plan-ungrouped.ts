import type { Database } from '../../../database/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { STOPS } from '../sql/stops.js';

/** People in groups of a source, and how many of them a plan for groups leaves in none. */
export interface Ungrouped {
  grouped: number;
  ungrouped: number;
}

/**
 * Memberships of a group that stops do not end, but count no more. Whoever is in another group by now, or enters one
 * by this plan, stays in a group.
 */
export async function countUngrouped(database: Database, run: SyncRun): Promise<Ungrouped> {
  const [row] = await database.query<Ungrouped>(
    `WITH stops AS (
       SELECT internal_id FROM sync_changes
       WHERE integration_id = $1 AND run_id = $2 AND entity = 'GROUP' AND ${STOPS}
     ), people AS (
       SELECT t.person_id, bool_and(s.internal_id IS NOT NULL) AS stops,
         bool_or(o.internal_id IS NOT NULL) AS ours
       FROM memberships t
       JOIN groups g ON g.institution_id = t.institution_id AND g.id = t.group_id AND g.active
       LEFT JOIN students p ON t.role = 'STUDENT' AND p.institution_id = t.institution_id AND p.id = t.person_id
       LEFT JOIN teachers l ON t.role = 'TEACHER' AND l.institution_id = t.institution_id AND l.id = t.person_id
       LEFT JOIN integration_mappings o ON o.integration_id = $1 AND o.entity_type = 'GROUP'
         AND o.internal_id = t.group_id
       LEFT JOIN stops s ON s.internal_id = t.group_id
       WHERE t.institution_id = $3 AND COALESCE(p.active, l.active)
       GROUP BY t.person_id)
     SELECT count(*)::int AS grouped, (count(*) FILTER (WHERE stops AND n.internal_id IS NULL))::int AS ungrouped
     FROM people
     LEFT JOIN (SELECT DISTINCT internal_id FROM sync_changes
                WHERE integration_id = $1 AND run_id = $2 AND entity = 'MEMBERSHIP' AND action = 'CREATE'
                  AND after->>'groupId' NOT IN (SELECT internal_id::text FROM stops)) n
       ON n.internal_id = people.person_id
     WHERE ours`,
    [run.integrationId, run.id, run.institutionId],
  );
  return row ?? NOBODY;
}

export const NOBODY: Ungrouped = { grouped: 0, ungrouped: 0 };
