import type { Database } from '../database/index.js';
import type { SyncCounts } from '../sync/index.js';

/** How far the roster was from the school, as a preview saw it. */
export interface DriftCheck {
  runId: string;
  at: Date;
  /** Changes that a sync would have made: created + updated + deactivated, and memberships that begin or end. */
  distance: number;
  counts: SyncCounts;
  membershipCounts: SyncCounts;
}

export interface Drift {
  entityType: string;
  /** The newest first; `checks[0]` is how it is now. */
  checks: DriftCheck[];
}

const MOST_CHECKS = 30;

/** The last thirty previews of each entity type of an integration that read the whole of the school's list. */
export async function readDrift(database: Database, integrationId: string): Promise<Drift[]> {
  const rows = await database.query<{
    entityType: string;
    runId: string;
    at: Date;
    counts: SyncCounts;
    membershipCounts: SyncCounts;
  }>(
    `SELECT t.entity_type AS "entityType", r.id AS "runId", r.finished_at AS at, r.counts,
       r.membership_counts AS "membershipCounts"
     FROM unnest('{COURSE,TEACHER,GROUP,STUDENT}'::text[]) WITH ORDINALITY AS t (entity_type, place)
     CROSS JOIN LATERAL (
       SELECT * FROM sync_runs r
       WHERE r.integration_id = $1 AND r.entity_type = t.entity_type AND r.kind = 'PREVIEW'
         AND r.rolls_back IS NULL AND r.planned_changes IS NOT NULL AND r.finished_at IS NOT NULL
         AND r.status <> 'FAILED'
       ORDER BY r.started_at DESC LIMIT ${MOST_CHECKS}) r
     ORDER BY t.place, r.started_at DESC`,
    [integrationId],
  );
  const drifts = new Map<string, Drift>();
  for (const { entityType, ...check } of rows) {
    const drift = drifts.get(entityType) ?? { entityType, checks: [] };
    drift.checks.push({ ...check, distance: changesIn(check.counts) + changesIn(check.membershipCounts) });
    drifts.set(entityType, drift);
  }
  return [...drifts.values()];
}

function changesIn({ created = 0, updated = 0, deactivated = 0 }: Partial<SyncCounts>): number {
  return created + updated + deactivated;
}
