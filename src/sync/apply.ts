import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { EntitySpec } from './entity-spec.js';
import { preferHashJoins } from './prefer-hash-joins.js';
import type { RunStore } from './run-store.js';
import { nextValue, stagedValues } from './staged-values.js';
import type { SyncRun } from './sync-run.js';

const CHANGES = `FROM sync_changes c JOIN sync_staged s ON s.integration_id = c.integration_id AND s.run_id = c.run_id AND s.seq = c.seq
  WHERE c.integration_id = $1 AND c.run_id = $2`;

/**
 * The fifth room: writes the plan into roster and mappings, all of it or nothing, in one transaction. Runs of one
 * institution apply one after the other, so that the order of its changes is the order of their commits.
 */
export async function apply(database: Database, runs: RunStore, run: SyncRun, spec: EntitySpec, provided: ReadonlySet<string>) {
  await database.transaction(async () => {
    await database.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [run.institutionId]);
    const [integration] = await database.query('SELECT id FROM integrations WHERE id = $1 FOR SHARE', [run.integrationId]);
    if (!integration || !(await runs.claimPosition(run))) {
      throw new ServiceError('aborted', 'The run was taken from this process, or its integration was deleted.', {
        reason: 'SYNC_RUN_LOST',
      });
    }
    await preferHashJoins(database, run);
    await writeEntities(database, run, spec, provided);
    await writeMappings(database, run, spec);
    await database.execute(
      `INSERT INTO memberships (institution_id, group_id, person_id, role, integration_id)
       SELECT $3, (c.after->>'groupId')::uuid, (c.after->>'personId')::uuid, c.after->>'role', $1
       FROM sync_changes c WHERE c.integration_id = $1 AND c.run_id = $2 AND c.entity = 'MEMBERSHIP'
       ON CONFLICT DO NOTHING`,
      [run.integrationId, run.id, run.institutionId],
    );
  });
}

async function writeEntities(database: Database, run: SyncRun, spec: EntitySpec, provided: ReadonlySet<string>): Promise<void> {
  const key = [run.integrationId, run.id, run.institutionId, spec.entityType];
  const values = stagedValues(spec, provided);
  if (spec.table === 'groups' && provided.has('courseId')) {
    values.push({ field: 'courseId', column: 'course_id', staged: `(c.after->>'courseId')::uuid`, droppable: false });
  }
  await database.execute(
    `INSERT INTO ${spec.table} (institution_id, id, ${values.map(({ column }) => column).join(', ')})
     SELECT $3, c.internal_id, ${values.map(({ staged }) => staged).join(', ')} ${CHANGES} AND c.entity = $4 AND c.action = 'CREATE'`,
    key,
  );
  await database.execute(
    `UPDATE ${spec.table} t SET ${values.map((value) => `${value.column} = ${nextValue(value)}`).join(', ')}, updated_at = now()
     ${CHANGES} AND c.entity = $4 AND c.action = 'UPDATE' AND t.institution_id = $3 AND t.id = c.internal_id`,
    key,
  );
}

async function writeMappings(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  const key = [run.integrationId, run.id, spec.entityType];
  await database.execute(
    `INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id, digest, last_run_id)
     SELECT $1, $3, c.internal_id, c.external_id, s.digest, $2 ${CHANGES} AND c.entity = $3 AND c.action = 'CREATE'
     ON CONFLICT (integration_id, entity_type, external_id) DO NOTHING`,
    key,
  );
  await database.execute(
    `UPDATE integration_mappings m SET digest = s.digest, last_run_id = $2, updated_at = now() FROM sync_staged s
     WHERE s.integration_id = $1 AND s.run_id = $2 AND s.kind = 'ENTITY'
       AND m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = s.external_id AND m.digest IS DISTINCT FROM s.digest`,
    key,
  );
}
