import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import type { Baseline, Impact } from './guard.js';

/**
 * The runs since the baseline, as `r`; $1 to $3 are the integration, the entity type and the days of the
 * window. Runs that were taken back do not count.
 */
const SINCE_BASELINE = `r.integration_id = $1 AND r.entity_type = $2 AND r.status = 'COMPLETED'
  AND r.started_at > GREATEST(
    now() - make_interval(secs => $3::float8 * 86400),
    (SELECT max(a.approved_at) FROM sync_runs a
     WHERE a.integration_id = $1 AND a.entity_type = $2 AND a.approved_at IS NOT NULL
       AND a.status = 'COMPLETED'))
  AND NOT EXISTS (
    SELECT 1 FROM sync_runs b
    WHERE b.integration_id = $1 AND b.rolls_back IN (r.id, r.parent_id) AND b.status = 'COMPLETED')`;

interface BaselineOf {
  run: SyncRun;
  spec: EntitySpec;
  policy: SyncPolicy;
  impact: Impact;
}

/**
 * Adds up the steps since the baseline. Runs with a threshold of their own do not count: a person allowed
 * what they did.
 */
export async function loadBaseline(database: Database, of: BaselineOf): Promise<Baseline> {
  const { run, policy } = of;
  const [row] = await database.query<Omit<Baseline, 'renamed'>>(
    `SELECT COALESCE(max(r.guard_base), 0)::int AS base, min(r.started_at) AS since,
       GREATEST(COALESCE(sum(r.guard_left - r.guard_returned), 0), 0)::int AS gone
     FROM sync_runs r
     WHERE (r.guard_left > 0 OR r.guard_returned > 0) AND r.guard->'deactivatedPercent' IS NULL
       AND ${SINCE_BASELINE}`,
    [run.integrationId, run.entityType, policy.guard.baselineDays],
  );
  const left = row ?? { base: 0, gone: 0, since: null };
  return { ...left, renamed: await countRenamed(database, of) };
}

/**
 * How many would have another name or national id after this plan than they had at the baseline, and since
 * when. They are counted only where all that changed since then may pass the threshold, and of all changes
 * only those of a name or a national id are laid side by side: most others are none of a person. What a
 * rollback gives back is no change: nor is what it took back.
 */
async function countRenamed(
  database: Database,
  { run, spec, policy, impact }: BaselineOf,
): Promise<Baseline['renamed']> {
  const none = { count: 0, of: 0, since: null };
  if (impact.changed === 0 || run.guard?.changedPercent !== undefined) return none;
  const values = [run.integrationId, run.entityType, policy.guard.baselineDays];
  const runs = `sync_runs r WHERE r.guard->'changedPercent' IS NULL AND (r.counts->>'updated')::int > 0
    AND r.rolls_back IS NULL AND ${SINCE_BASELINE}`;
  const [atMost] = await database.query<{ changed: number }>(
    `SELECT COALESCE(sum((r.counts->>'updated')::int), 0)::int AS changed FROM ${runs}`,
    values,
  );
  const changed = atMost?.changed ?? 0;
  if (changed === 0 || (changed + impact.changed) * 100 <= impact.base * policy.guard.changedPercent) {
    return none;
  }
  const isRenamed = (first: string, last: string) =>
    spec.fields
      .filter(({ kind }) => kind === 'name' || kind === 'nationalId')
      .map(
        ({ field }) => `(COALESCE(${first}->>'${field}', '') <> '' AND ${last} ? '${field}'
       AND ${last}->>'${field}' IS DISTINCT FROM ${first}->>'${field}')`,
      )
      .join(' OR ');
  const [row] = await database.query<Baseline['renamed']>(
    `WITH runs AS MATERIALIZED (
       SELECT r.id, r.started_at FROM ${runs}
       UNION ALL
       SELECT $4::uuid, now()
     ), people AS (
       SELECT (array_agg(c.before ORDER BY runs.started_at))[1] AS first,
         (array_agg(c.after ORDER BY runs.started_at DESC))[1] AS last
       FROM runs
       JOIN sync_changes c ON c.integration_id = $1 AND c.run_id = runs.id
       WHERE c.entity = $2 AND c.outcome IS NULL AND c.action IN ('UPDATE', 'LINK', 'RESTORE', 'DEACTIVATE')
         AND (${isRenamed('c.before', 'c.after')})
       GROUP BY c.internal_id)
     SELECT count(*)::int AS count, (SELECT min(started_at) FROM runs) AS since,
       -- Whom this plan links is not mapped yet.
       GREATEST(
         (SELECT count(*) FROM integration_mappings m WHERE m.integration_id = $1 AND m.entity_type = $2),
         (SELECT count(*) FROM people))::int AS of
     FROM people
     WHERE ${isRenamed('first', 'last')}`,
    [...values, run.id],
  );
  return row ?? none;
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
    `UPDATE sync_runs SET guard_base = $3, guard_left = $4, guard_returned = $5
     WHERE integration_id = $1 AND id = $2`,
    [run.integrationId, run.id, base, leaving, returning],
  );
}
