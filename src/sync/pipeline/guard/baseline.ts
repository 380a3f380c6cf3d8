import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { leaves, RETURNS } from '../sql/stops.js';
import type { Baseline, Impact } from './guard.js';
import { isRenamed } from './renamed.js';
import { findSteps, RENAMED, rootsOf, type Step, standing, stepValues } from './steps.js';

interface BaselineOf {
  run: SyncRun;
  spec: EntitySpec;
  policy: SyncPolicy;
  impact: Impact;
}

const NONE = { count: 0, of: 0, since: null };

/**
 * Adds up the steps since the baseline, this plan's included. Runs with a threshold of their own do not count: a
 * person allowed what they did. Nor does what a rollback took back. Each run keeps how many left and how many it
 * renamed: people are looked at only where all of these together may pass the threshold.
 */
export async function loadBaseline(database: Database, of: BaselineOf): Promise<Baseline> {
  return { gone: await countGone(database, of), renamed: await countRenamed(database, of) };
}

/** How many left since the baseline and did not come back: who left before it comes back for nobody else. */
async function countGone(database: Database, { run, policy, impact }: BaselineOf): Promise<Baseline['gone']> {
  if (impact.leaving === 0 || run.guard?.deactivatedPercent !== undefined) return NONE;
  const steps = await findSteps(
    database,
    run,
    policy,
    `(r.guard_left > 0 OR r.guard_returned > 0) AND r.guard->'deactivatedPercent' IS NULL`,
  );
  const roots = rootsOf(steps);
  const of = Math.max(impact.active, ...roots.map(({ base }) => base));
  const most = roots.reduce((sum, { left }) => sum + left, impact.leaving);
  if (most === impact.leaving || most * 100 <= of * policy.guard.deactivatedPercent) return NONE;
  const goes = leaves('$6');
  const [row] = await database.query<{ gone: number }>(
    `SELECT count(*)::int AS gone FROM (
       SELECT DISTINCT ON (internal_id) ${goes} AS leaves FROM (${standing(`(${goes} OR ${RETURNS})`)}) c
       ORDER BY internal_id, nth DESC, ${goes} IS TRUE DESC) latest
     WHERE leaves`,
    [run.integrationId, run.entityType, ...stepValues(steps, run), policy.graceRuns],
  );
  return { count: countForgotten(steps) + (row?.gone ?? 0), of, since: roots[0]?.startedAt ?? null };
}

/** Of runs whose changes are no longer kept, how many left and did not come back, by their numbers alone. */
function countForgotten(steps: readonly Step[]): number {
  const isTakenBack = new Map(steps.map(({ root, isBack }) => [root, isBack]));
  return rootsOf(steps)
    .filter(({ id, isDropped }) => isDropped && !isTakenBack.get(id))
    .reduce((gone, { left, returned }) => Math.max(gone - returned, 0) + left, 0);
}

/** How many would have another name or national id after this plan than they had at the baseline. */
async function countRenamed(
  database: Database,
  { run, spec, policy, impact }: BaselineOf,
): Promise<Baseline['renamed']> {
  if (impact.renamed === 0 || run.guard?.changedPercent !== undefined) return NONE;
  const steps = await findSteps(
    database,
    run,
    policy,
    `r.guard->'changedPercent' IS NULL AND ${RENAMED} > 0`,
  );
  const roots = rootsOf(steps);
  const most = roots.reduce((sum, { renamed }) => sum + renamed, impact.renamed);
  if (most === impact.renamed || most * 100 <= impact.base * policy.guard.changedPercent) return NONE;
  const renamed = `(c.action IN ('UPDATE', 'LINK', 'RESTORE', 'DEACTIVATE') AND ${isRenamed(spec, 'c.before', 'c.after')})`;
  const [row] = await database.query<{ count: number; of: number }>(
    `WITH people AS (
       SELECT (array_agg(before ORDER BY nth))[1] AS first, (array_agg(after ORDER BY nth DESC))[1] AS last
       FROM (${standing(renamed)}) c GROUP BY internal_id)
     SELECT count(*)::int AS count,
       -- Whom this plan links is not mapped yet.
       GREATEST(
         (SELECT count(*) FROM integration_mappings m WHERE m.integration_id = $1 AND m.entity_type = $2),
         (SELECT count(*) FROM people))::int AS of
     FROM people
     WHERE ${isRenamed(spec, 'first', 'last')}`,
    [run.integrationId, run.entityType, ...stepValues(steps, run)],
  );
  return row ? { ...row, since: roots[0]?.startedAt ?? null } : NONE;
}

/**
 * Inside the apply transaction: keeps what a plan that passed the guard takes away and renames, for the
 * baseline of later runs.
 */
export async function keepStep(
  database: Database,
  run: SyncRun,
  { active, leaving, returning, changed, renamed }: Impact,
): Promise<void> {
  if (leaving === 0 && returning === 0 && changed === 0 && run.counts.updated === 0) return;
  await database.execute(
    `UPDATE sync_runs
     SET guard_base = $3, guard_left = $4, guard_returned = $5, guard_renamed = $6
     WHERE integration_id = $1 AND id = $2`,
    [run.integrationId, run.id, active, leaving, returning, renamed],
  );
}
