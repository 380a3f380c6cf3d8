import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import type { Baseline, Impact } from './guard.js';
import { isRenamed } from './renamed.js';
import { findTakenBack } from './taken-back.js';

/**
 * The runs since the baseline, as `r`; $1 to $4 are the integration, the entity type, the days of the window,
 * and the runs that stand taken back, which do not count.
 */
const SINCE_BASELINE = `r.integration_id = $1 AND r.entity_type = $2 AND r.status = 'COMPLETED'
  AND r.started_at > GREATEST(
    now() - make_interval(secs => $3::float8 * 86400),
    (SELECT max(a.approved_at) FROM sync_runs a
     WHERE a.integration_id = $1 AND a.entity_type = $2 AND a.approved_at IS NOT NULL
       AND a.status = 'COMPLETED'))
  AND r.id <> ALL($4::uuid[])`;
/** How many people a run gave another name or national id; of runs of a version before, at most so many. */
const RENAMED = `COALESCE(r.guard_renamed, (r.counts->>'updated')::int)`;

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
  const since = [
    run.integrationId,
    run.entityType,
    policy.guard.baselineDays,
    await findTakenBack(database, run),
  ];
  return { ...(await addUpGone(database, since)), renamed: await countRenamed(database, of, since) };
}

/** `since`: the values that SINCE_BASELINE speaks of. */
async function addUpGone(database: Database, since: unknown[]): Promise<Omit<Baseline, 'renamed'>> {
  const [row] = await database.query<Omit<Baseline, 'renamed'>>(
    `SELECT COALESCE(max(r.guard_base), 0)::int AS base, min(r.started_at) AS since,
       GREATEST(COALESCE(sum(r.guard_left - r.guard_returned), 0), 0)::int AS gone
     FROM sync_runs r
     WHERE (r.guard_left > 0 OR r.guard_returned > 0) AND r.guard->'deactivatedPercent' IS NULL
       AND ${SINCE_BASELINE}`,
    since,
  );
  return row ?? { base: 0, gone: 0, since: null };
}

/**
 * How many would have another name or national id after this plan than they had at the baseline, and since
 * when. Each run keeps how many it renamed: people are laid side by side only where all of these together may
 * pass the threshold, and only those of runs that renamed anybody. What a rollback gives back is no change:
 * nor is what it took back.
 */
async function countRenamed(
  database: Database,
  { run, spec, policy, impact }: BaselineOf,
  since: unknown[],
): Promise<Baseline['renamed']> {
  const none = { count: 0, of: 0, since: null };
  if (impact.renamed === 0 || run.guard?.changedPercent !== undefined) return none;
  const before = await addUpRenamed(database, since);
  const isFew = (before + impact.renamed) * 100 <= impact.base * policy.guard.changedPercent;
  if (before === 0 || isFew) return none;
  return (await comparePeople(database, { run, spec }, since)) ?? none;
}

/** Runs since the baseline that renamed anybody, none of them a rollback. */
const RENAMING_RUNS = `sync_runs r
  WHERE r.guard->'changedPercent' IS NULL AND ${RENAMED} > 0 AND r.rolls_back IS NULL AND ${SINCE_BASELINE}`;

async function addUpRenamed(database: Database, since: unknown[]): Promise<number> {
  const [row] = await database.query<{ renamed: number }>(
    `SELECT COALESCE(sum(${RENAMED}), 0)::int AS renamed FROM ${RENAMING_RUNS}`,
    since,
  );
  return row?.renamed ?? 0;
}

async function comparePeople(
  database: Database,
  { run, spec }: { run: SyncRun; spec: EntitySpec },
  since: unknown[],
): Promise<Baseline['renamed'] | undefined> {
  const [row] = await database.query<Baseline['renamed']>(
    `WITH runs AS MATERIALIZED (
       SELECT r.id, r.started_at FROM ${RENAMING_RUNS}
       UNION ALL
       SELECT $5::uuid, now()
     ), people AS (
       SELECT (array_agg(c.before ORDER BY runs.started_at))[1] AS first,
         (array_agg(c.after ORDER BY runs.started_at DESC))[1] AS last
       FROM runs
       JOIN sync_changes c ON c.integration_id = $1 AND c.run_id = runs.id
       WHERE c.entity = $2 AND c.outcome IS NULL AND c.action IN ('UPDATE', 'LINK', 'RESTORE', 'DEACTIVATE')
         AND ${isRenamed(spec, 'c.before', 'c.after')}
       GROUP BY c.internal_id)
     SELECT count(*)::int AS count, (SELECT min(started_at) FROM runs) AS since,
       -- Whom this plan links is not mapped yet.
       GREATEST(
         (SELECT count(*) FROM integration_mappings m WHERE m.integration_id = $1 AND m.entity_type = $2),
         (SELECT count(*) FROM people))::int AS of
     FROM people
     WHERE ${isRenamed(spec, 'first', 'last')}`,
    [...since, run.id],
  );
  return row;
}

/**
 * Inside the apply transaction: keeps what a plan that passed the guard takes away and renames, for the
 * baseline of later runs.
 */
export async function keepStep(
  database: Database,
  run: SyncRun,
  { base, leaving, returning, changed, renamed }: Impact,
): Promise<void> {
  if (leaving === 0 && returning === 0 && changed === 0 && run.counts.updated === 0) return;
  await database.execute(
    `UPDATE sync_runs
     SET guard_base = $3, guard_left = $4, guard_returned = $5, guard_renamed = $6
     WHERE integration_id = $1 AND id = $2`,
    [run.integrationId, run.id, base, leaving, returning, renamed],
  );
}
