import type { Database } from '../../../database/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import type { Baseline, Impact } from './guard.js';

/**
 * Adds up the steps since the baseline. Runs that were taken back do not count, nor do runs with a
 * `deactivatedPercent` of their own: a person allowed what they took away.
 */
export async function loadBaseline(database: Database, run: SyncRun, policy: SyncPolicy): Promise<Baseline> {
  const [row] = await database.query<Baseline>(
    `SELECT COALESCE(max(r.guard_base), 0)::int AS base, min(r.started_at) AS since,
       GREATEST(COALESCE(sum(r.guard_left - r.guard_returned), 0), 0)::int AS gone
     FROM sync_runs r
     WHERE r.integration_id = $1 AND r.entity_type = $2 AND (r.guard_left > 0 OR r.guard_returned > 0)
       AND r.status = 'COMPLETED' AND r.guard->'deactivatedPercent' IS NULL
       AND r.started_at > GREATEST(now() - make_interval(secs => $3::float8 * 86400), (
         SELECT max(a.approved_at) FROM sync_runs a
         WHERE a.integration_id = $1 AND a.entity_type = $2 AND a.approved_at IS NOT NULL AND a.status = 'COMPLETED'))
       AND NOT EXISTS (SELECT 1 FROM sync_runs b WHERE b.integration_id = $1 AND b.rolls_back = r.id AND b.status = 'COMPLETED')
       AND NOT EXISTS (
         SELECT 1 FROM sync_runs b WHERE b.integration_id = $1 AND b.rolls_back = r.parent_id AND b.status = 'COMPLETED')`,
    [run.integrationId, run.entityType, policy.guard.baselineDays],
  );
  return row ?? { base: 0, gone: 0, since: null };
}

/**
 * Inside the apply transaction: keeps what a plan that passed the guard takes away, for the baseline of later
 * runs.
 */
export async function keepStep(
  database: Database,
  run: SyncRun,
  { base, leaving, returning }: Impact,
): Promise<void> {
  if (leaving === 0 && returning === 0) return;
  await database.execute(
    'UPDATE sync_runs SET guard_base = $3, guard_left = $4, guard_returned = $5 WHERE integration_id = $1 AND id = $2',
    [run.integrationId, run.id, base, leaving, returning],
  );
}
