import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type EntityColumn, entityColumns, rowObject, stillHas } from './entity-columns.js';
import { ENTITY_SPECS, type EntitySpec } from './entity-spec.js';
import { lookUp, preferHashJoins } from './joins.js';
import type { RunStore } from './run-store.js';
import { FORGOTTEN } from './stage/known-digests.js';
import type { SyncRun } from './sync-run.js';

export interface ApplyOptions {
  database: Database;
  runs: RunStore;
  run: SyncRun;
}

/** Changes of entities that are there already, with what they say of roster and mapping. */
const CHANGES_THERE = `('UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING', 'LINK', 'UNLINK')`;
const CHANGES = 'c.integration_id = $1 AND c.run_id = $2';
/** Changes that are carried out: neither moved nor refused. */
const GOOD = `${CHANGES} AND c.outcome IS NULL`;

/**
 * The fifth room: writes a plan into roster and mappings, all of it or nothing, in one transaction, whoever made the plan
 * and whenever. Changes whose base is not as the plan saw it are marked as moved and left out. Runs of one institution
 * apply one after the other, so that the order of its changes is the order of their commits. Returns how many moved.
 */
export async function apply({ database, runs, run }: ApplyOptions): Promise<number> {
  return database.transaction(async () => {
    await database.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [run.institutionId]);
    const [integration] = await database.query('SELECT id FROM integrations WHERE id = $1 FOR SHARE', [run.integrationId]);
    if (!integration || !(await runs.claimPosition(run))) {
      throw new ServiceError('aborted', 'The run was taken from this process, or its integration was deleted.', {
        reason: 'SYNC_RUN_LOST',
      });
    }
    const actions = await database.query<{ entity: string; action: string; count: number }>(
      'SELECT entity, action, count(*)::int FROM sync_changes WHERE integration_id = $1 AND run_id = $2 GROUP BY entity, action',
      [run.integrationId, run.id],
    );
    const rows = actions.reduce((sum, { count }) => sum + count, 0);
    await preferHashJoins(database, rows);
    const few = { rows, among: rows + run.counts.unchanged };
    const has = (entity: string, ...wanted: string[]) =>
      actions.some((row) => row.entity === entity && wanted.includes(row.action));
    let moved = 0;
    for (const spec of Object.values(ENTITY_SPECS)) {
      const type = spec.entityType;
      if (has(type, 'UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING', 'LINK', 'UNLINK', 'DELETE')) {
        moved += await markMoved(database, run, spec, few);
      }
      if (has(type, 'CREATE', 'LINK')) moved += await markTaken(database, run, spec);
      if (has(type, 'CREATE')) await createEntities(database, run, spec);
      if (has(type, 'UPDATE', 'RESTORE', 'DEACTIVATE', 'LINK', 'UNLINK'))
        await lookUp(database, few, () => updateEntities(database, run, spec));
      if (has(type, 'CREATE', 'LINK')) await createMappings(database, run, spec);
      if (has(type, 'UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING'))
        await lookUp(database, few, () => updateMappings(database, run, spec));
      if (has(type, 'DELETE', 'UNLINK')) await deleteEntities(database, run, spec);
    }
    if (has('MEMBERSHIP', 'CREATE', 'DELETE')) await applyMemberships(database, run);
    return moved;
  });
}

/**
 * Rows that say nothing new although they are written in another way: their digest is kept, so that the next run need not
 * look at them. Only where nobody has to decide on the plan, because then the staged rows are still there.
 */
export async function keepDigests(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  await database.execute(
    `UPDATE integration_mappings m SET digest = s.digest FROM sync_staged s
     WHERE s.integration_id = $1 AND s.run_id = $2 AND s.kind = 'ENTITY' AND s.digest IS NOT NULL AND m.integration_id = $1
       AND m.entity_type = $3 AND m.external_id = s.external_id AND m.missing_runs = 0 AND m.digest IS DISTINCT FROM s.digest
       -- Who was edited since the run began is looked at again.
       AND m.digest IS DISTINCT FROM $4::uuid`,
    [run.integrationId, run.id, spec.entityType, FORGOTTEN],
  );
}

/** What is about somebody who is not as the plan saw him or her. The plan then shows what is there now. */
async function markMoved(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
  few: { rows: number; among: number },
): Promise<number> {
  const moved = `SELECT c.seq, CASE WHEN t.id IS NULL THEN 'It is no longer in the roster.'
           WHEN NOT ${stillHas(spec, 'c.before')} THEN 'It was changed in the roster after the plan was made.'
           ELSE 'Its mapping was changed after the plan was made.' END AS reason,
         (SELECT jsonb_object_agg(key, value) FROM jsonb_each(${rowObject(spec)}) WHERE c.before ? key) AS now
       FROM sync_changes c
       LEFT JOIN ${spec.table} t ON t.institution_id = $3 AND t.id = c.internal_id
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4 AND m.external_id = c.external_id
       WHERE ${GOOD} AND c.entity = $4 AND c.action IN ${CHANGES_THERE.replace(')', `, 'DELETE')`)}
         AND (t.id IS NULL OR NOT ${stillHas(spec, 'c.before')}
           OR (c.action <> 'LINK' AND m.internal_id IS DISTINCT FROM c.internal_id)
           OR (c.missing_before IS NOT NULL AND m.missing_runs <> c.missing_before))`;
  const values = [run.integrationId, run.id, run.institutionId, spec.entityType];
  const any = await lookUp(database, few, () => database.query(`SELECT seq FROM (${moved}) moved LIMIT 1`, values));
  if (any.length === 0) return 0;
  return database.execute(
    `UPDATE sync_changes x SET outcome = 'MOVED', before = moved.now, reason = moved.reason FROM (${moved}) moved
     WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = moved.seq`,
    values,
  );
}

/** New mappings of which one of the two ids has a mapping meanwhile. */
async function markTaken(database: Database, run: SyncRun, spec: EntitySpec): Promise<number> {
  const [any] = await database.query(
    'SELECT 1 FROM integration_mappings WHERE integration_id = $1 AND entity_type = $2 LIMIT 1',
    [run.integrationId, spec.entityType],
  );
  if (!any) return 0;
  return database.execute(
    `UPDATE sync_changes x SET outcome = 'MOVED', reason = 'It was mapped in another way after the plan was made.' FROM (
       SELECT c.seq FROM sync_changes c
       LEFT JOIN integration_mappings e ON e.integration_id = $1 AND e.entity_type = $3 AND e.external_id = c.external_id
       LEFT JOIN integration_mappings i ON i.integration_id = $1 AND i.entity_type = $3 AND i.internal_id = c.internal_id
       WHERE ${GOOD} AND c.entity = $3 AND c.action IN ('CREATE', 'LINK')
         AND (e.internal_id <> c.internal_id OR i.external_id <> c.external_id OR (c.action = 'LINK' AND e.internal_id IS NOT NULL))
     ) taken WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = taken.seq`,
    [run.integrationId, run.id, spec.entityType],
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
    ({ field, column, planned }) => `${column} = CASE WHEN c.after ? '${field}' THEN ${planned} ELSE t.${column} END`,
  );
  await database.execute(
    `UPDATE ${spec.table} t SET ${assignments.join(', ')}, updated_at = now() FROM sync_changes c
     WHERE ${GOOD} AND c.entity = $4 AND c.action IN ${CHANGES_THERE} AND c.before IS DISTINCT FROM c.after
       AND t.institution_id = $3 AND t.id = c.internal_id`,
    [run.integrationId, run.id, run.institutionId, spec.entityType],
  );
}

/** Joining is cheaper than ON CONFLICT, and nobody else writes mappings of this integration and entity type meanwhile. */
async function createMappings(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  // Who was removed from the roster comes back under the mapping that is still there.
  await database.execute(
    `INSERT INTO integration_mappings (integration_id, id, entity_type, internal_id, external_id, digest, missing_runs, missing_since,
       last_run_id)
     -- The id of what came with the mapping, as a UUID of version 8: made anew, ids would be a fifth of all that this costs.
     SELECT $1, CASE WHEN c.action = 'CREATE' THEN overlay(c.internal_id::text PLACING '8' FROM 15)::uuid ELSE gen_random_uuid() END, $3,
       c.internal_id, c.external_id, c.digest, COALESCE(c.missing_after, 0), CASE WHEN c.missing_after > 0 THEN now() END, $2
     FROM sync_changes c
     LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = c.external_id
     WHERE ${GOOD} AND c.entity = $3 AND c.action IN ('CREATE', 'LINK') AND m.external_id IS NULL ORDER BY c.external_id`,
    [run.integrationId, run.id, spec.entityType],
  );
}

async function updateMappings(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  await database.execute(
    `UPDATE integration_mappings m SET digest = c.digest, missing_runs = COALESCE(c.missing_after, m.missing_runs),
       missing_since = CASE WHEN c.missing_after IS NULL THEN m.missing_since WHEN c.missing_after > 0 THEN COALESCE(m.missing_since, now()) END,
       last_run_id = $2, updated_at = now()
     FROM sync_changes c WHERE ${GOOD} AND c.entity = $3 AND c.action IN ('UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING')
       AND m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = c.external_id`,
    [run.integrationId, run.id, spec.entityType],
  );
}

/** What a rollback takes away again: entities that the run made, and mappings to others. */
async function deleteEntities(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  await database.execute(
    `DELETE FROM integration_mappings m USING sync_changes c WHERE ${GOOD} AND c.entity = $3 AND c.action IN ('DELETE', 'UNLINK')
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
    `DELETE FROM memberships t USING sync_changes c WHERE ${GOOD} AND c.entity = 'MEMBERSHIP' AND c.action = 'DELETE'
       AND t.institution_id = $3 AND t.group_id = (c.before->>'groupId')::uuid AND t.person_id = c.internal_id
       AND t.role = c.before->>'role'`,
    values,
  );
  await database.execute(
    `INSERT INTO memberships (institution_id, group_id, person_id, role, integration_id)
     SELECT $3, (c.after->>'groupId')::uuid, (c.after->>'personId')::uuid, c.after->>'role', $1
     FROM sync_changes c
     -- Whoever turned out to be somebody else, or to be gone, enters no group.
     LEFT JOIN sync_changes p ON p.integration_id = $1 AND p.run_id = $2 AND p.entity = c.after->>'role'
       AND p.internal_id = c.internal_id AND p.outcome IS NOT NULL AND p.action IN ('CREATE', 'LINK')
     WHERE ${GOOD} AND c.entity = 'MEMBERSHIP' AND c.action = 'CREATE' AND p.seq IS NULL
     ON CONFLICT DO NOTHING`,
    values,
  );
}
