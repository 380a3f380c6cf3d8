import type { Database } from '../database/index.js';
import { apply } from './apply.js';
import { beginAnew, report, type SyncReport } from './corridor.js';
import { rowObject, stillHas } from './entity-columns.js';
import { ENTITY_SPECS, type EntitySpec } from './entity-spec.js';
import type { RunStore } from './run-store.js';
import type { SyncRun } from './sync-run.js';

export interface WalkBackOptions {
  database: Database;
  runs: RunStore;
  /** `rollsBack` names the run to take back. */
  run: SyncRun;
}

/** The corridor backwards: the plan is what the other run did, turned round. A preview ends before apply. */
export async function walkBack({ database, runs, run }: WalkBackOptions): Promise<SyncReport> {
  await beginAnew(database, run);
  run.stage = 'PLAN';
  await database.transaction(() => planBack(database, run));
  await count(database, run);
  if (run.kind === 'PREVIEW') run.status = 'PREVIEWED';
  else {
    run.stage = 'APPLY';
    run.counts.moved = await apply({ database, runs, run });
    run.stage = 'REPORT';
    run.status = 'COMPLETED';
  }
  return report(database, run);
}

/** Before becomes after, and each action its opposite; in the other order. */
async function planBack(database: Database, run: SyncRun): Promise<void> {
  await database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before, after,
       missing_before, missing_after)
     SELECT $1, $2, row_number() OVER (ORDER BY c.seq DESC), c.entity,
       CASE c.action WHEN 'CREATE' THEN 'DELETE' WHEN 'DELETE' THEN 'CREATE' WHEN 'LINK' THEN 'UNLINK' WHEN 'UNLINK' THEN 'LINK'
         WHEN 'RESTORE' THEN CASE WHEN c.before = c.after THEN 'MISSING' WHEN c.before->'active' = 'true' THEN 'UPDATE' ELSE 'DEACTIVATE' END
         WHEN 'DEACTIVATE' THEN 'RESTORE' WHEN 'MISSING' THEN 'RESTORE' ELSE c.action END,
       c.internal_id, c.external_id, c.after, c.before, c.missing_after, c.missing_before
     FROM sync_changes c WHERE c.integration_id = $1 AND c.run_id = $3 AND c.outcome IS NULL AND c.action <> 'REKEY'`,
    [run.integrationId, run.id, run.rollsBack],
  );
  for (const spec of Object.values(ENTITY_SPECS)) {
    await refuseChanged(database, run, spec);
    await refuseInUse(database, run, spec);
  }
  await refuseMemberships(database, run);
}

/** What was changed since is somebody's work. */
async function refuseChanged(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  await database.execute(
    `UPDATE sync_changes x SET outcome = 'REFUSED', reason = r.reason, before = COALESCE(r.now, x.before) FROM (
       SELECT c.seq, CASE WHEN t.id IS NULL THEN 'It is no longer in the roster.'
           WHEN NOT ${stillHas(spec, 'c.before')} THEN 'It was changed since.' ELSE 'Its mapping was changed since.' END AS reason,
         (SELECT jsonb_object_agg(key, value) FROM jsonb_each(${rowObject(spec)}) WHERE c.before ? key) AS now
       FROM sync_changes c
       LEFT JOIN ${spec.table} t ON t.institution_id = $3 AND t.id = c.internal_id
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4 AND m.external_id = c.external_id
       WHERE c.integration_id = $1 AND c.run_id = $2 AND c.entity = $4 AND c.action <> 'CREATE'
         AND (t.id IS NULL OR NOT ${stillHas(spec, 'c.before')}
           OR (c.action <> 'LINK' AND m.internal_id IS DISTINCT FROM c.internal_id)
           OR (m.missing_runs <> COALESCE(c.missing_before, m.missing_runs)))
     ) r WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = r.seq`,
    [run.integrationId, run.id, run.institutionId, spec.entityType],
  );
}

/** Whoever came with the run and is needed by others now stays: marks, lessons, groups that the run did not make. */
async function refuseInUse(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  const uses: Record<EntitySpec['table'], string> = {
    students: `EXISTS (SELECT 1 FROM attendance_records a WHERE a.institution_id = $3 AND a.student_id = c.internal_id)
      OR ${inGroup('o.person_id')} OR ${mappedElsewhere}`,
    teachers: `EXISTS (SELECT 1 FROM class_sessions l WHERE l.institution_id = $3 AND l.teacher_id = c.internal_id)
      OR ${inGroup('o.person_id')} OR ${mappedElsewhere}`,
    groups: `EXISTS (SELECT 1 FROM class_sessions l WHERE l.institution_id = $3 AND l.group_id = c.internal_id)
      OR ${inGroup('o.group_id')} OR ${mappedElsewhere}`,
    courses: `EXISTS (SELECT 1 FROM class_sessions l WHERE l.institution_id = $3 AND l.course_id = c.internal_id)
      OR EXISTS (SELECT 1 FROM groups g WHERE g.institution_id = $3 AND g.course_id = c.internal_id) OR ${mappedElsewhere}`,
  };
  await database.execute(
    `UPDATE sync_changes c SET outcome = 'REFUSED', reason = 'It is in use: lessons, marks, groups or another integration refer to it.'
     WHERE c.integration_id = $1 AND c.run_id = $2 AND c.entity = $4 AND c.action = 'DELETE' AND c.outcome IS NULL
       AND (${uses[spec.table]})`,
    [run.integrationId, run.id, run.institutionId, spec.entityType],
  );
}

/** In a group by a membership that this rollback does not end. */
const inGroup = (column: string) => `EXISTS (SELECT 1 FROM memberships o WHERE o.institution_id = $3 AND ${column} = c.internal_id
  AND NOT EXISTS (SELECT 1 FROM sync_changes e WHERE e.integration_id = $1 AND e.run_id = $2 AND e.entity = 'MEMBERSHIP'
    AND e.action = 'DELETE' AND e.internal_id = o.person_id AND e.before->>'groupId' = o.group_id::text))`;
const mappedElsewhere = `EXISTS (SELECT 1 FROM integration_mappings m JOIN integrations i ON i.id = m.integration_id
  WHERE i.institution_id = $3 AND m.integration_id <> $1 AND m.entity_type = $4 AND m.internal_id = c.internal_id)`;

async function refuseMemberships(database: Database, run: SyncRun): Promise<void> {
  await database.execute(
    `UPDATE sync_changes x SET outcome = 'REFUSED', reason = 'It has ended since.' FROM (
       SELECT c.seq FROM sync_changes c
       LEFT JOIN memberships t ON t.institution_id = $3 AND t.group_id = (c.before->>'groupId')::uuid AND t.person_id = c.internal_id
         AND t.role = c.before->>'role'
       WHERE c.integration_id = $1 AND c.run_id = $2 AND c.entity = 'MEMBERSHIP' AND c.action = 'DELETE' AND t.person_id IS NULL
     ) r WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = r.seq`,
    [run.integrationId, run.id, run.institutionId],
  );
}

async function count(database: Database, run: SyncRun): Promise<void> {
  const rows = await database.query<{ member: boolean; action: string; refused: boolean; count: number }>(
    `SELECT entity = 'MEMBERSHIP' AS member, action, outcome IS NOT NULL AS refused, count(*)::int AS count FROM sync_changes
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
