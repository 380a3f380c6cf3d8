import { positionOf } from '../../changes/index.js';
import type { Database } from '../../database/index.js';
import { noCounts, type SyncRun } from '../runs/sync-run.js';
import { countByAction, sizesOf } from './apply/plan-sizes.js';
import { verify } from './apply/verify.js';
import { applyPlan, beginAnew } from './pipeline.js';
import { report, type SyncReport } from './report/report.js';
import { preferHashJoins } from './sql/joins.js';
import type { SyncContext } from './sync-context.js';

/**
 * Takes back the run that `rollsBack` names: the plan is what that run did, turned round, and what no longer
 * fits is refused and listed. A preview ends before apply.
 */
export async function rollBack(context: SyncContext): Promise<SyncReport> {
  const { database, runs, run, lease } = context;
  await beginAnew(context);
  run.stage = 'PLAN';
  await lease.transaction(async () => {
    Object.assign(run, { counts: noCounts(), membershipCounts: noCounts() });
    run.plannedPosition = await positionOf(database, run.institutionId);
    run.plannedChanges = await planBack(database, run);
    const sizes = sizesOf(await countByAction(database, run), run);
    await preferHashJoins(database);
    await verify(database, run, { sizes });
    await count(database, run);
    await runs.savePlan(run);
  });
  if (run.kind === 'PREVIEW') run.status = 'PREVIEWED';
  else await applyPlan(context);
  return report(database, run);
}

/** Before becomes after, and each action its opposite; in the other order. Returns how many they are. */
async function planBack(database: Database, run: SyncRun): Promise<number> {
  return database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before,
      after,
       missing_before, missing_after)
     SELECT $1, $2, row_number() OVER (ORDER BY c.seq DESC), c.entity,
       CASE c.action WHEN 'CREATE' THEN 'DELETE' WHEN 'DELETE' THEN 'CREATE' WHEN 'LINK' THEN 'UNLINK'
         WHEN 'UNLINK' THEN 'LINK'
         WHEN 'RESTORE' THEN CASE WHEN c.before = c.after THEN 'MISSING'
           WHEN c.before->'active' = 'true' THEN 'UPDATE' ELSE 'DEACTIVATE' END
         WHEN 'DEACTIVATE' THEN 'RESTORE' WHEN 'MISSING' THEN 'RESTORE' ELSE c.action END,
       c.internal_id, CASE c.action WHEN 'REKEY' THEN c.before->>'externalId'
         ELSE c.external_id END, c.after, c.before, c.missing_after, c.missing_before
     FROM sync_changes c WHERE c.integration_id = $1 AND c.run_id = $3 AND c.outcome IS NULL`,
    [run.integrationId, run.id, run.rollsBack],
  );
}

async function count(database: Database, run: SyncRun): Promise<void> {
  const rows = await database.query<{ member: boolean; action: string; refused: boolean; count: number }>(
    `SELECT entity = 'MEMBERSHIP' AS member, action, outcome IS NOT NULL AS refused, count(*)::int AS count
      FROM sync_changes
     WHERE integration_id = $1 AND run_id = $2 GROUP BY 1, 2, 3`,
    [run.integrationId, run.id],
  );
  for (const { member, action, refused, count: n } of rows) {
    const counts = member ? run.membershipCounts : run.counts;
    counts.read += n;
    if (refused) counts.failed += n;
    else if (action === 'CREATE') counts.created += n;
    else if (action === 'DELETE' || action === 'DEACTIVATE') counts.deactivated += n;
    else counts.updated += n;
  }
}
