import type { MappingEntityType } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { comparisonOf, syncPolicy } from '../sync/index.js';

/** Where the next reading of an entity type may go on; undefined when it must read everything. */
export type FindCursor = (
  integrationId: string,
  entityType: MappingEntityType,
) => Promise<string | undefined>;

/**
 * The cursor of the last sync that was applied. None where that sync left anything behind (a row that failed,
 * a conflict, a course that was not known, a plan that a person approved, of which parts may have been left
 * out), where a person repaired, took back or approved anything of the integration or edited somebody since, or
 * where others win in its fields now: rows that did not change may then matter again.
 */
export function cursorsOf(database: Database): FindCursor {
  return async (integrationId, entityType) => {
    const [integration] = await database.query<{ policy: unknown }>(
      'SELECT policy FROM integrations WHERE id = $1',
      [integrationId],
    );
    if (!integration) return undefined;
    const { fields } = syncPolicy.parse(integration.policy);
    const [row] = await database.query<{ cursor: string | null }>(
      `SELECT last.evidence->>'cursor' AS cursor
       FROM (SELECT * FROM sync_runs
         WHERE integration_id = $1 AND entity_type = $2 AND kind = 'SYNC' AND NOT pushed AND external_ids IS NULL
               AND status = 'COMPLETED' ORDER BY started_at DESC, id DESC LIMIT 1) last
       WHERE last.approved_at IS NULL AND last.evidence->>'comparedBy' = $3
         AND coalesce((last.counts->>'failed')::int, 0) + coalesce((last.counts->>'conflicts')::int, 0)
           + coalesce((last.counts->>'moved')::int, 0) + coalesce((last.membership_counts->>'failed')::int, 0)
           + coalesce((last.membership_counts->>'moved')::int, 0) = 0
         AND NOT EXISTS (SELECT 1 FROM sync_issues i WHERE i.integration_id = $1 AND i.run_id = last.id
           AND i.rule IN ('reference.unknown', 'courses.none'))
         AND NOT EXISTS (SELECT 1 FROM roster_edits e
           JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $2
             AND m.internal_id = e.entity_id
           WHERE e.institution_id = last.institution_id AND e.entity IN ($2, 'MEMBERSHIP')
             AND e.changed_at >= last.started_at)
         AND NOT EXISTS (SELECT 1 FROM sync_runs later WHERE later.integration_id = $1
           AND (later.kind = 'MANUAL' OR later.rolls_back IS NOT NULL OR later.approved_at IS NOT NULL)
           AND later.status NOT IN ('PREVIEWED', 'HELD', 'DISCARDED')
             -- A plan may be older than that sync, and be applied after it.
             AND (later.status = 'RUNNING'
               OR GREATEST(later.started_at, later.approved_at, later.finished_at) >= last.started_at))`,
      [integrationId, entityType, comparisonOf(integrationId, fields[entityType])],
    );
    return row?.cursor ?? undefined;
  };
}
