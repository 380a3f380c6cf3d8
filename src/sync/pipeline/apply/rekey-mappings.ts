import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { GOOD, has, outcomeOf, type PlanSizes } from './plan-sizes.js';

/** What `rekeyMappings` needs to know of a run. */
type Of = Pick<SyncRun, 'integrationId' | 'id'>;

/**
 * Gives mappings the new ids of a run's changes. What was decided about somebody goes with the mapping, and what
 * else was decided about the new ids, or was to be, is forgotten. Ids may change places: so each mapping gets an
 * id in between that nobody has. Without digests: the next sync looks at the rows.
 */
export async function rekeyMappings(database: Database, run: Of, spec: EntitySpec): Promise<void> {
  const key = [run.integrationId, run.id, spec.entityType];
  const ofChange = `FROM sync_changes c
    WHERE ${GOOD} AND c.entity = $3 AND c.action = 'REKEY'
      AND m.integration_id = $1 AND m.entity_type = $3 AND m.internal_id = c.internal_id`;
  await database.execute(
    `UPDATE integration_mappings m
      SET external_id = E'\\x01' || m.internal_id ${ofChange} AND m.external_id = c.before->>'externalId'`,
    key,
  );
  await database.execute(
    `UPDATE integration_mappings m
      SET external_id = c.external_id, digest = NULL, missing_runs = 0, missing_since = NULL,
       last_run_id = $2, updated_at = now() ${ofChange} AND m.external_id = E'\\x01' || m.internal_id`,
    key,
  );
  await moveDecisions(database, key);
}

async function moveDecisions(database: Database, key: unknown[]): Promise<void> {
  const ofChange = `sync_changes c
    WHERE ${GOOD} AND c.entity = $3 AND c.action = 'REKEY' AND d.integration_id = $1 AND d.entity_type = $3`;
  await database.execute(
    `UPDATE sync_conflicts d SET external_id = E'\\x01' || c.internal_id FROM ${ofChange}
       AND d.external_id = c.before->>'externalId'
       AND (d.resolution = 'CREATE' OR (d.resolution = 'LINK' AND d.internal_id = c.internal_id))`,
    key,
  );
  // What was decided before the row said something else was about the one who has another id now.
  await database.execute(
    `UPDATE sync_conflicts d SET former = NULL FROM ${ofChange}
       AND d.external_id = c.before->>'externalId' AND (d.former->>'resolution' = 'CREATE'
         OR (d.former->>'resolution' = 'LINK' AND (d.former->>'internalId')::uuid = c.internal_id))`,
    key,
  );
  await database.execute(
    `DELETE FROM sync_conflicts d USING ${ofChange} AND d.external_id = c.external_id`,
    key,
  );
  await database.execute(
    `UPDATE sync_conflicts d SET external_id = c.external_id FROM ${ofChange}
       AND d.external_id = E'\\x01' || c.internal_id`,
    key,
  );
}

/**
 * Re-keys whose person has another id by now, or whose new id is somebody's who keeps it: they are left out.
 * What one of them leaves behind may stand in the way of another. Returns how many.
 */
export async function markMovedRekeys(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
  sizes: PlanSizes,
): Promise<number> {
  if (!has(sizes, spec.entityType, 'REKEY')) return 0;
  let moved = 0;
  for (;;) {
    const more = await database.execute(
      `WITH rekeys AS MATERIALIZED (
           SELECT c.seq, c.internal_id, c.external_id, c.before->>'externalId' AS former_id
             FROM sync_changes c
           WHERE ${GOOD} AND c.entity = $3 AND c.action = 'REKEY'
         ), blocked AS (
           SELECT r.seq FROM rekeys r
           LEFT JOIN integration_mappings o ON o.integration_id = $1 AND o.entity_type = $3
             AND o.external_id = r.former_id
           LEFT JOIN integration_mappings n ON n.integration_id = $1 AND n.entity_type = $3
             AND n.external_id = r.external_id
           LEFT JOIN rekeys other ON other.internal_id = n.internal_id
           WHERE o.internal_id IS DISTINCT FROM r.internal_id
             OR (n.internal_id IS NOT NULL AND other.seq IS NULL))
         UPDATE sync_changes x SET outcome = '${outcomeOf(run)}', reason = 'Its mapping was changed after the plan was made.'
         FROM blocked WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = blocked.seq`,
      [run.integrationId, run.id, spec.entityType],
    );
    if (more === 0) return moved;
    moved += more;
  }
}
