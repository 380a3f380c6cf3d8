import type { Database } from '../../../database/index.js';
import { ServiceError } from '../../../errors.js';
import { ENTITY_SPECS, type EntitySpec } from '../../../roster/index.js';
import { syncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { type EntityColumn, entityColumns } from '../sql/entity-columns.js';
import { lookUp, preferHashJoins } from '../sql/joins.js';
import { FORGOTTEN } from '../stage/index.js';
import type { SyncContext } from '../sync-context.js';
import { type ActionCount, countByAction, GOOD, has, type PlanSizes, sizesOf } from './plan-sizes.js';
import { rekeyMappings } from './rekey-mappings.js';
import { verify } from './verify.js';

/** Changes of entities that are there already, with what they say of roster and mapping. */
const CHANGES_THERE = `('UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING', 'LINK', 'UNLINK')`;

/**
 * Writes a plan into roster and mappings, whoever made it and whenever: it is verified first, and what no
 * longer fits is left out. Inside a transaction of the run's lease, under the institution's lock, so that the
 * order of an institution's changes is the order of their commits. `made`: of a plan that this attempt made,
 * what is known of it.
 */
export async function apply(
  { database, runs, run }: SyncContext,
  made?: { actions: readonly ActionCount[]; drafted: boolean },
): Promise<void> {
  const [integration] = await database.query<{ policy: unknown }>(
    'SELECT policy FROM integrations WHERE id = $1 FOR SHARE',
    [run.integrationId],
  );
  if (!integration) {
    throw new ServiceError('aborted', 'The integration was deleted while this run was under way.', {
      reason: 'INTEGRATION_DELETED',
    });
  }
  const sizes = sizesOf(made?.actions ?? (await countByAction(database, run)), run);
  await preferHashJoins(database);
  const policy = syncPolicy.parse(integration.policy);
  const left = await verify(database, run, { sizes, policy, drafted: made?.drafted });
  run.counts.moved = left.entities;
  await countRekeys(database, run, sizes);
  run.membershipCounts.moved = left.memberships;
  await runs.saveApplied(run);
  await runs.keepConflicts(run);
  for (const spec of Object.values(ENTITY_SPECS)) {
    const type = spec.entityType;
    if (has(sizes, type, 'REKEY')) await rekeyMappings(database, run, spec);
    if (has(sizes, type, 'CREATE')) await createEntities(database, run, spec);
    if (has(sizes, type, 'UPDATE', 'RESTORE', 'DEACTIVATE', 'LINK', 'UNLINK'))
      await lookUp(database, sizes, () => updateEntities(database, run, spec));
    if (has(sizes, type, 'CREATE', 'LINK'))
      await lookUp(database, sizes, () => createMappings(database, run, spec));
    if (has(sizes, type, 'UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING'))
      await lookUp(database, sizes, () => updateMappings(database, run, spec));
    if (has(sizes, type, 'DELETE', 'UNLINK')) await deleteEntities(database, run, spec);
  }
  if (has(sizes, 'MEMBERSHIP', 'CREATE', 'DELETE')) await applyMemberships(database, run);
}

/** Who is re-keyed was counted as gone, and his or her row as a conflict. */
async function countRekeys(database: Database, run: SyncRun, sizes: PlanSizes): Promise<void> {
  if (run.rollsBack || !sizes.actions.some(({ action }) => action === 'REKEY')) return;
  const [row] = await database.query<{ rekeyed: number; missing: number; deactivated: number }>(
    `SELECT count(*)::int AS rekeyed, count(x.seq)::int AS missing,
       (count(*) FILTER (WHERE x.action = 'DEACTIVATE'))::int AS deactivated
     FROM sync_changes c
     LEFT JOIN sync_changes x ON x.integration_id = $1 AND x.run_id = $2 AND x.entity = c.entity
       AND x.external_id = c.before->>'externalId' AND x.missing_after > 0
     WHERE ${GOOD} AND c.action = 'REKEY'`,
    [run.integrationId, run.id],
  );
  const { counts } = run;
  counts.updated += row?.rekeyed ?? 0;
  counts.conflicts -= row?.rekeyed ?? 0;
  counts.missing -= row?.missing ?? 0;
  counts.deactivated -= row?.deactivated ?? 0;
}

/**
 * Rows that say nothing new although they are written in another way: their digest is kept, so that the next
 * run need not look at them. Only where nobody has to decide on the plan, because then the staged rows are
 * still there. `rows`: how many.
 */
export async function keepDigests(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
  rows: number,
): Promise<void> {
  await preferHashJoins(database);
  await lookUp(database, { rows, among: rows + run.counts.unchanged }, () =>
    database.execute(
      `UPDATE integration_mappings m SET digest = s.digest FROM sync_staged s
       WHERE s.integration_id = $1 AND s.run_id = $2 AND s.kind = 'ENTITY' AND s.digest IS NOT NULL
         AND m.integration_id = $1
         AND m.entity_type = $3 AND m.external_id = s.external_id AND m.missing_runs = 0
           AND m.digest IS DISTINCT FROM s.digest
         -- Who was edited since the run began is looked at again.
         AND m.digest IS DISTINCT FROM $4::uuid
         -- What was left out has not been applied: the next run looks at its row again.
         AND s.seq NOT IN (SELECT c.seq FROM sync_changes c
           WHERE c.integration_id = $1 AND c.run_id = $2 AND c.entity = $3 AND c.outcome IS NOT NULL)`,
      [run.integrationId, run.id, spec.entityType, FORGOTTEN],
    ),
  );
}

/** New people, courses or groups. */
async function createEntities(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  const columns = entityColumns(spec);
  await database.execute(
    `INSERT INTO ${spec.table} (institution_id, id, ${columns.map(({ column }) => column).join(', ')})
     SELECT $3, c.internal_id, ${columns.map(initialValue).join(', ')} FROM sync_changes c
     WHERE ${GOOD} AND c.entity = $4 AND c.action = 'CREATE' ORDER BY c.seq`,
    [run.integrationId, run.id, run.institutionId, spec.entityType],
  );
}

function initialValue({ planned, initial }: EntityColumn): string {
  return initial === 'NULL' ? planned : `COALESCE(${planned}, ${initial})`;
}

async function updateEntities(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  const assignments = entityColumns(spec).map(
    ({ field, column, planned }) =>
      `${column} = CASE WHEN c.after ? '${field}' THEN ${planned} ELSE t.${column} END`,
  );
  await database.execute(
    `UPDATE ${spec.table} t SET ${assignments.join(', ')}, updated_at = now() FROM sync_changes c
     WHERE ${GOOD} AND c.entity = $4 AND c.action IN ${CHANGES_THERE} AND c.before IS DISTINCT FROM c.after
       AND t.institution_id = $3 AND t.id = c.internal_id`,
    [run.integrationId, run.id, run.institutionId, spec.entityType],
  );
}

/**
 * The id of what came with a mapping as a UUID of version 8: made anew, or by way of text, ids would be a
 * fifth of all that mappings cost.
 */
const MAPPING_ID = `encode(set_byte(uuid_send(c.internal_id), 6, 128), 'hex')::uuid`;

/**
 * Joining is cheaper than ON CONFLICT, and nobody else writes mappings of this integration and entity type
 * meanwhile.
 */
async function createMappings(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  // Who was removed from the roster comes back under the mapping that is still there.
  await database.execute(
    `INSERT INTO integration_mappings (integration_id, id, entity_type, internal_id, external_id, digest,
      missing_runs, missing_since,
       last_run_id)
     SELECT $1, CASE WHEN c.action = 'CREATE' THEN ${MAPPING_ID} ELSE gen_random_uuid() END, $3,
       c.internal_id, c.external_id, c.digest, COALESCE(c.missing_after, 0), CASE
         WHEN c.missing_after > 0 THEN now() END, $2
     FROM sync_changes c
     LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3
       AND m.external_id = c.external_id
     WHERE ${GOOD} AND c.entity = $3 AND c.action IN ('CREATE', 'LINK') AND m.external_id IS NULL
       ORDER BY c.external_id`,
    [run.integrationId, run.id, spec.entityType],
  );
}

async function updateMappings(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  await database.execute(
    `UPDATE integration_mappings m
      SET digest = c.digest, missing_runs = COALESCE(c.missing_after, m.missing_runs),
       missing_since = CASE WHEN c.missing_after IS NULL THEN m.missing_since
         WHEN c.missing_after > 0 THEN COALESCE(m.missing_since, now()) END,
       last_run_id = $2, updated_at = now()
     FROM sync_changes c WHERE ${GOOD} AND c.entity = $3
       AND c.action IN ('UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING')
       AND m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = c.external_id`,
    [run.integrationId, run.id, spec.entityType],
  );
}

/** What a rollback takes away again: entities that the run made, and mappings to others. */
async function deleteEntities(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  await database.execute(
    `DELETE FROM integration_mappings m USING sync_changes c
      WHERE ${GOOD} AND c.entity = $3 AND c.action IN ('DELETE', 'UNLINK')
       AND m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = c.external_id`,
    [run.integrationId, run.id, spec.entityType],
  );
  await database.execute(
    `DELETE FROM ${spec.table} t USING sync_changes c WHERE ${GOOD} AND c.entity = $4 AND c.action = 'DELETE'
       AND t.institution_id = $3 AND t.id = c.internal_id`,
    [run.integrationId, run.id, run.institutionId, spec.entityType],
  );
}

async function applyMemberships(database: Database, run: SyncRun): Promise<void> {
  const values = [run.integrationId, run.id, run.institutionId];
  await database.execute(
    `DELETE FROM memberships t USING sync_changes c
      WHERE ${GOOD} AND c.entity = 'MEMBERSHIP' AND c.action = 'DELETE'
       AND t.institution_id = $3 AND t.group_id = (c.before->>'groupId')::uuid AND t.person_id = c.internal_id
       AND t.role = c.before->>'role'`,
    values,
  );
  await database.execute(
    `INSERT INTO memberships (institution_id, group_id, person_id, role, integration_id)
     SELECT $3, (c.after->>'groupId')::uuid, (c.after->>'personId')::uuid, c.after->>'role', $1
     FROM sync_changes c WHERE ${GOOD} AND c.entity = 'MEMBERSHIP' AND c.action = 'CREATE'
     ON CONFLICT DO NOTHING`,
    values,
  );
}
