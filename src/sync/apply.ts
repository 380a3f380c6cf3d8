import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { EntitySpec } from './entity-spec.js';
import { preferHashJoins } from './prefer-hash-joins.js';
import type { RunStore } from './run-store.js';
import { nextValue, stagedValues, type ValueSql } from './staged-values.js';
import type { SyncRun } from './sync-run.js';

export interface ApplyOptions {
  database: Database;
  runs: RunStore;
  run: SyncRun;
  spec: EntitySpec;
  /** The fields that the source has at all. */
  provided: ReadonlySet<string>;
  /** How many entities of this type had a mapping before: none in a first sync. */
  mapped: number;
}

/**
 * The fifth room: writes the plan into roster and mappings, all of it or nothing, in one transaction. Runs of one
 * institution apply one after the other, so that the order of its changes is the order of their commits.
 */
export async function apply({ database, runs, run, spec, provided, mapped }: ApplyOptions): Promise<void> {
  await database.transaction(async () => {
    await database.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [run.institutionId]);
    const [integration] = await database.query('SELECT id FROM integrations WHERE id = $1 FOR SHARE', [run.integrationId]);
    if (!integration || !(await runs.claimPosition(run))) {
      throw new ServiceError('aborted', 'The run was taken from this process, or its integration was deleted.', {
        reason: 'SYNC_RUN_LOST',
      });
    }
    await preferHashJoins(database, run);
    await createEntities(database, run, spec, provided);
    if (mapped > 0) await updateEntities(database, run, spec, provided);
    await database.execute(
      `INSERT INTO memberships (institution_id, group_id, person_id, role, integration_id)
       SELECT $3, (c.after->>'groupId')::uuid, (c.after->>'personId')::uuid, c.after->>'role', $1
       FROM sync_changes c WHERE c.integration_id = $1 AND c.run_id = $2 AND c.entity = 'MEMBERSHIP'
       ON CONFLICT DO NOTHING`,
      [run.integrationId, run.id, run.institutionId],
    );
  });
}

/** New people, courses or groups, and their mappings. */
async function createEntities(database: Database, run: SyncRun, spec: EntitySpec, provided: ReadonlySet<string>): Promise<void> {
  const key = [run.integrationId, run.id];
  const values = appliedValues(spec, provided);
  await database.execute(
    `INSERT INTO ${spec.table} (institution_id, id, ${values.map(({ column }) => column).join(', ')})
     SELECT $3, c.internal_id, ${values.map(({ staged }) => staged).join(', ')} ${changes()} AND c.entity = $4 AND c.action = 'CREATE'`,
    [...key, run.institutionId, spec.entityType],
  );
  // A person who was removed from the roster comes back under the mapping that is still there. Joining is cheaper than
  // ON CONFLICT, and nobody else writes mappings of this integration and entity type meanwhile.
  const join =
    'LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = c.external_id';
  await database.execute(
    `INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id, digest, last_run_id)
     SELECT $1, $3, c.internal_id, c.external_id, s.digest, $2
     ${changes(join)} AND c.entity = $3 AND c.action = 'CREATE' AND m.external_id IS NULL ORDER BY c.external_id`,
    [...key, spec.entityType],
  );
}

/** Those that were there already: their fields, and the digests of all that were staged. */
async function updateEntities(database: Database, run: SyncRun, spec: EntitySpec, provided: ReadonlySet<string>): Promise<void> {
  const key = [run.integrationId, run.id];
  const assignments = appliedValues(spec, provided).map((value) => `${value.column} = ${nextValue(value)}`);
  await database.execute(
    `UPDATE ${spec.table} t SET ${assignments.join(', ')}, updated_at = now()
     ${changes()} AND c.entity = $4 AND c.action = 'UPDATE' AND t.institution_id = $3 AND t.id = c.internal_id`,
    [...key, run.institutionId, spec.entityType],
  );
  await database.execute(
    `UPDATE integration_mappings m SET digest = s.digest, last_run_id = $2, updated_at = now() FROM sync_staged s
     WHERE s.integration_id = $1 AND s.run_id = $2 AND s.kind = 'ENTITY'
       AND m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = s.external_id AND m.digest IS DISTINCT FROM s.digest`,
    [...key, spec.entityType],
  );
}

/** The staged values, and the course of a group as the plan found it. */
function appliedValues(spec: EntitySpec, provided: ReadonlySet<string>): ValueSql[] {
  const values = stagedValues(spec, provided);
  if (spec.table !== 'groups' || !provided.has('courseId')) return values;
  return [...values, { field: 'courseId', column: 'course_id', staged: `(c.after->>'courseId')::uuid`, droppable: false }];
}

/** The changes of the run with their staged rows. */
function changes(join = ''): string {
  return `FROM sync_changes c JOIN sync_staged s ON s.integration_id = c.integration_id AND s.run_id = c.run_id AND s.seq = c.seq ${join}
    WHERE c.integration_id = $1 AND c.run_id = $2`;
}
