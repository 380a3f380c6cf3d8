import type { Database } from '../../../database/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';

/** How many people a run gave another name or national id; of runs of a version before, at most so many. */
export const RENAMED = `COALESCE(r.guard_renamed, (r.counts->>'updated')::int)`;

/** A run since the baseline, or one that took such a run, or what took it back, back. */
export interface Step {
  id: string;
  /** The run that it took back, at last; its own id where it took none back. */
  root: string;
  /** Whether what it did undoes what the root did, rather than doing it. */
  isBack: boolean;
  startedAt: Date;
  /** What the guard kept of it: of how many, how many left, came back and were renamed. */
  base: number;
  left: number;
  returned: number;
  renamed: number;
  /** Whether its changes are no longer kept. */
  isDropped: boolean;
}

/**
 * The runs since the baseline that `among` (SQL for a run `r`) chooses, and those that took them back, in the order
 * in which they began. The baseline is the last approved plan, or the start of the window if that is later.
 */
export async function findSteps(
  database: Database,
  { integrationId, entityType }: Pick<SyncRun, 'integrationId' | 'entityType'>,
  { guard }: SyncPolicy,
  among: string,
): Promise<Step[]> {
  return database.query<Step>(
    `WITH RECURSIVE steps AS (
       SELECT r.id AS root, r.id, false AS is_back FROM sync_runs r
       WHERE r.integration_id = $1 AND r.entity_type = $2 AND r.status = 'COMPLETED' AND r.rolls_back IS NULL
         AND ${among}
         AND r.started_at > GREATEST(
           now() - make_interval(secs => $3::float8 * 86400),
           (SELECT max(a.approved_at) FROM sync_runs a
            WHERE a.integration_id = $1 AND a.entity_type = $2 AND a.approved_at IS NOT NULL
              AND a.status = 'COMPLETED'))
       UNION ALL
       SELECT s.root, b.id, NOT s.is_back FROM steps s
       JOIN sync_runs b ON b.integration_id = $1 AND b.rolls_back = s.id AND b.status = 'COMPLETED')
     SELECT s.id, s.root, s.is_back AS "isBack", r.started_at AS "startedAt", COALESCE(r.guard_base, 0) AS base,
       COALESCE(r.guard_left, 0) AS left, COALESCE(r.guard_returned, 0) AS returned,
       COALESCE(${RENAMED}, 0) AS renamed, r.changes_dropped_at IS NOT NULL AS "isDropped"
     FROM steps s
     JOIN sync_runs r ON r.integration_id = $1 AND r.id = s.id
     ORDER BY r.started_at`,
    [integrationId, entityType, guard.baselineDays],
  );
}

/** The runs of the baseline themselves, none that took one back. */
export const rootsOf = (steps: readonly Step[]): Step[] => steps.filter(({ id, root }) => id === root);

/**
 * SQL for the changes of steps that still stand: a rollback that was refused took nothing back. `among` (SQL for a
 * change) chooses them. $1 and $2 are the integration and the entity type, $3 to $5 are from `stepValues`. `nth`
 * numbers the runs in the order in which they began.
 */
export function standing(among: string): string {
  return `SELECT * FROM (
      SELECT c.internal_id, c.action, c.before, c.after, c.missing_before, c.missing_after, s.nth,
        s.id = s.root AS is_own,
        first_value(s.is_back) OVER (PARTITION BY s.root, c.internal_id ORDER BY s.nth DESC) AS is_taken_back
      FROM unnest($3::uuid[], $4::uuid[], $5::boolean[]) WITH ORDINALITY AS s (root, id, is_back, nth)
      JOIN sync_changes c ON c.integration_id = $1 AND c.run_id = s.id
      WHERE c.run_id = ANY($4::uuid[]) AND c.entity = $2 AND c.outcome IS NULL AND (s.id <> s.root OR ${among})
    ) done WHERE is_own AND NOT is_taken_back`;
}

/** Steps, and the plan of a run that is under way after them, as values of `standing`. */
export function stepValues(steps: readonly Step[], run: SyncRun): unknown[] {
  const all = [...steps, { id: run.id, root: run.id, isBack: false }];
  return [all.map(({ root }) => root), all.map(({ id }) => id), all.map(({ isBack }) => isBack)];
}
