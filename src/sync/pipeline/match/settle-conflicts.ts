import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { closeConflicts } from '../../conflicts/former-decision.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { isOfPerson } from '../sql/in-doubt.js';
import { RUN } from '../sql/run-sql.js';
import type { Staged } from '../stage/index.js';

/**
 * Closes conflicts that wait although their row is in no doubt any more, or is no longer in the source. Those about an
 * id that may be re-used go on while the reading has no good row of it: that tells nothing of whose it is. To be
 * called when it is planned who is absent.
 */
export async function settleConflicts(
  database: Database,
  { run, spec, staged }: { run: SyncRun; spec: EntitySpec; staged: Staged },
): Promise<void> {
  if (spec.table !== 'students' && spec.table !== 'teachers') return;
  const key = [run.integrationId, run.id, spec.entityType];
  const [any] = await database.query(
    'SELECT 1 FROM sync_conflicts WHERE integration_id = $1 AND entity_type = $2 LIMIT 1',
    [run.integrationId, spec.entityType],
  );
  if (!any) return;
  const isWhole = !staged.partial && run.evidence.gaps.length === 0;
  const of = 'd.integration_id = $1 AND d.entity_type = $3';
  if (!isWhole) {
    const isRead = `d.external_id IN (SELECT s.external_id FROM sync_staged s
      WHERE ${RUN} AND s.kind IN ('ENTITY', 'KEPT_OUT'))`;
    return closeConflicts(database, `${of} AND d.run_id <> $2 AND ${isRead}`, key);
  }
  const unheard = await findUnheard(database, key);
  const isOver = `${of} AND d.id <> ALL($4::uuid[])`;
  await closeConflicts(database, `${isOver} AND d.run_id <> $2`, [...key, unheard]);
  // Decisions to ignore what was said of somebody's id: it says something else now.
  await database.execute(
    `DELETE FROM sync_conflicts d USING integration_mappings m
     WHERE ${isOver} AND d.resolution = 'IGNORE' AND m.integration_id = $1
       AND m.entity_type = $3 AND m.external_id = d.external_id AND ${isOfPerson('d', 'm.internal_id')}
       AND NOT EXISTS (SELECT 1 FROM sync_staged s
         WHERE ${RUN} AND s.kind = 'KEPT_OUT' AND s.external_id = d.external_id)`,
    [...key, unheard],
  );
}

/**
 * Conflicts about an id that may be re-used, waiting or ignored, of which a whole reading has no good row: it lacks the
 * id, or has a row with errors. Of one whose row is neither that nor staged, the row is as it was before.
 */
async function findUnheard(database: Database, key: readonly unknown[]): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `SELECT d.id FROM sync_conflicts d
     JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3
       AND m.external_id = d.external_id AND ${isOfPerson('d', 'm.internal_id')}
     LEFT JOIN (SELECT DISTINCT s.external_id FROM sync_staged s
                WHERE ${RUN} AND s.kind IN ('ENTITY', 'KEPT_OUT')) s ON s.external_id = d.external_id
     LEFT JOIN (SELECT DISTINCT external_id COLLATE "C" AS external_id FROM sync_issues
                WHERE integration_id = $1 AND run_id = $2 AND severity = 'ERROR') i ON i.external_id = d.external_id
     LEFT JOIN sync_changes c ON c.integration_id = $1 AND c.run_id = $2 AND c.entity = $3
       AND c.internal_id = m.internal_id AND c.missing_after > 0
     WHERE d.integration_id = $1 AND d.entity_type = $3 AND (d.resolution IS NULL OR d.resolution = 'IGNORE')
       AND s.external_id IS NULL
       AND (m.missing_runs > 0 OR c.seq IS NOT NULL OR i.external_id IS NOT NULL)`,
    key,
  );
  return rows.map(({ id }) => id);
}
