import { positionOf } from '../../changes/index.js';
import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { emit } from '../../events/index.js';
import { ENTITY_SPECS, type EntitySpec } from '../../roster/index.js';
import type { IssueLog } from '../issues/index.js';
import type { SyncPolicy } from '../policy.js';
import type { SyncRun } from '../runs/sync-run.js';
import { type ActionCount, countByAction } from './apply/plan-sizes.js';
import type { PlannedConflict } from './match/index.js';
import { type Planned, plan } from './plan/index.js';
import type { Staged } from './stage/index.js';
import type { SyncContext } from './sync-context.js';

/** So many conflicts an event names. */
const MOST_TOLD = 100;

/** A plan that this attempt made. */
export interface MadePlan extends Planned {
  /** How many changes of each kind are in sync_changes. */
  actions: readonly ActionCount[];
  /** Rows that are left in sync_staged, drafts included. */
  rows: number;
}

/**
 * Makes the plan of what was staged, with its header. `before`: the plan that it replaces. It changes nothing
 * that was given but the plan's header: it is done again when its transaction had to make way for others.
 */
export async function makePlan(
  { database, runs, run }: SyncContext,
  staged: Staged,
  policy: SyncPolicy,
  before: Planned | undefined,
): Promise<MadePlan> {
  if (before) await clearPlan(database, run, staged);
  if ((await countStaged(database, run, staged)) !== staged.rows) throw stagedRowsLost();
  run.plannedPosition = await positionOf(database, run.institutionId);
  const planned = await plan(database, { run, spec: specOf(run), staged, policy });
  const { conflicts } = planned;
  if (before) planned.conflicts = [...before.conflicts, ...conflicts];
  // Rows that became conflicts are no longer staged.
  const rows =
    planned.conflicts.length > 0 ? await countStaged(database, run, { drafted: false }) : staged.rows;
  const actions = await countByAction(database, run);
  run.plannedChanges = actions.reduce((sum, { count }) => sum + count, 0);
  await runs.savePlan(run);
  await announceConflicts(database, run, conflicts);
  return { ...planned, actions, rows };
}

/** Tells of people of whom a person has to say who they are, and was not asked before. */
async function announceConflicts(
  database: Database,
  run: SyncRun,
  met: readonly PlannedConflict[],
): Promise<void> {
  const created = met.flatMap(({ newId, externalId }) => (newId ? [{ id: newId, externalId }] : []));
  if (created.length === 0) return;
  const { id: runId, integrationId, institutionId, entityType } = run;
  await emit(database, {
    institutionId,
    integrationId,
    type: 'conflict.created',
    subject: `runs/${runId}`,
    data: {
      integrationId,
      runId,
      entityType,
      count: created.length,
      conflicts: created.slice(0, MOST_TOLD),
    },
  });
}

/** Deletes a plan that is made anew; drafts stay, which are what was read. */
async function clearPlan(database: Database, run: SyncRun, staged: Staged): Promise<void> {
  const values = [run.integrationId, run.id];
  const kept = staged.drafted ? `AND entity = 'MEMBERSHIP'` : '';
  await database.execute(
    `DELETE FROM sync_changes WHERE integration_id = $1 AND run_id = $2 ${kept}`,
    values,
  );
  await database.execute(
    'UPDATE sync_staged SET link_id = NULL WHERE integration_id = $1 AND run_id = $2 AND link_id IS NOT NULL',
    values,
  );
}

/** Rows in sync_staged, and of a plan that is not made yet, drafts. */
async function countStaged(
  database: Database,
  run: SyncRun,
  { drafted }: Pick<Staged, 'drafted'>,
): Promise<number> {
  const [row] = await database.query<{ rows: number }>(
    'SELECT count(*)::int AS rows FROM sync_staged WHERE integration_id = $1 AND run_id = $2',
    [run.integrationId, run.id],
  );
  return (row?.rows ?? 0) + (drafted ? await countChanges(database, run) : 0);
}

/**
 * A database that crashed has emptied the staging table: then nothing may be concluded from what is missing
 * there.
 */
function stagedRowsLost(): ServiceError {
  return new ServiceError('unavailable', 'The database lost rows that this run had staged. Sync again.', {
    reason: 'STAGED_ROWS_LOST',
    metadata: { retryAfterSeconds: '5' },
  });
}

export async function countChanges(database: Database, run: SyncRun): Promise<number> {
  const [row] = await database.query<{ changes: number }>(
    'SELECT count(*)::int AS changes FROM sync_changes WHERE integration_id = $1 AND run_id = $2',
    [run.integrationId, run.id],
  );
  return row?.changes ?? 0;
}

/** The counts of a run with what its plan comes to. */
export function countPlan(run: SyncRun, staged: Staged, planned: Planned, issues: IssueLog): void {
  const { counts, membershipCounts } = run;
  counts.created = planned.created;
  counts.updated = planned.updated;
  counts.conflicts = planned.conflicts.length;
  counts.unchanged = staged.entities - planned.created - planned.updated - planned.conflicts.length;
  counts.missing = planned.missing;
  counts.deactivated = planned.deactivated;
  counts.warnings = issues.warnings;
  membershipCounts.created = planned.memberships.created;
  membershipCounts.unchanged = planned.memberships.resolved - planned.memberships.created;
  membershipCounts.failed += planned.memberships.unknown.length;
  membershipCounts.conflicts = planned.memberships.leftOut;
  membershipCounts.deactivated = planned.memberships.deleted;
}

export function specOf(run: SyncRun): EntitySpec {
  if (run.entityType === 'ALL') throw new Error('a run of all entity types walks in parts');
  return ENTITY_SPECS[run.entityType];
}
