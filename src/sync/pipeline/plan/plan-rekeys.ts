import type { Database } from '../../../database/index.js';
import { ENTITY_SPECS } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { findRenumbered, type Renumbered } from '../match/index.js';
import { preferHashJoins } from '../sql/joins.js';

/** Why somebody of a plan who would be missing is not: see `planRekeys`. */
const RENUMBERED = 'The school changed the id: the person stays, under the new one.';

/**
 * Makes a plan that waits a re-key, or with `rekey` false the plain plan again: the people whom it takes for
 * gone and whose rows came under other ids get these ids, and do not go. Inside a transaction of whoever
 * takes the plan. Returns how many.
 */
export async function planRekeys(
  database: Database,
  run: SyncRun,
  { rekey }: { rekey: boolean },
): Promise<number> {
  const key = [run.integrationId, run.id];
  const taken = await database.execute(
    `DELETE FROM sync_changes WHERE integration_id = $1 AND run_id = $2 AND action = 'REKEY'`,
    key,
  );
  await database.execute(
    `UPDATE sync_changes SET outcome = NULL, reason = NULL
     WHERE integration_id = $1 AND run_id = $2 AND outcome = 'MOVED' AND reason = $3`,
    [...key, RENUMBERED],
  );
  const people = rekey ? await findRenumberedIn(database, run) : [];
  const formerIds = people.map(({ formerId }) => formerId);
  await database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before,
      after)
     SELECT $1, $2, (SELECT COALESCE(max(seq), 0) FROM sync_changes
       WHERE integration_id = $1 AND run_id = $2) + p.place, $3, 'REKEY',
       p.internal_id, p.external_id, jsonb_build_object('externalId', p.former_id),
         jsonb_build_object('externalId', p.external_id)
     FROM unnest($4::uuid[], $5::text[], $6::text[]) WITH ORDINALITY AS p (internal_id, external_id,
       former_id, place)`,
    [
      ...key,
      run.entityType,
      people.map(({ internalId }) => internalId),
      people.map(({ externalId }) => externalId),
      formerIds,
    ],
  );
  await database.execute(
    `UPDATE sync_changes c SET outcome = 'MOVED', reason = $5 FROM unnest($4::text[]) AS p (former_id)
     WHERE c.integration_id = $1 AND c.run_id = $2 AND c.entity = $3 AND c.external_id = p.former_id
       AND c.missing_after > 0`,
    [...key, run.entityType, formerIds, RENUMBERED],
  );
  // By how many it should have it is known whether a plan is whole.
  if (run.plannedChanges !== null) run.plannedChanges += people.length - taken;
  await database.execute('UPDATE sync_runs SET planned_changes = $3 WHERE integration_id = $1 AND id = $2', [
    ...key,
    run.plannedChanges,
  ]);
  return people.length;
}

/** The people whom a plan takes for gone, or for others, and whose rows came under other ids. */
export async function findRenumberedIn(database: Database, run: SyncRun): Promise<Renumbered[]> {
  if (run.entityType === 'ALL') return [];
  const { integrationId, institutionId, id: runId } = run;
  const spec = ENTITY_SPECS[run.entityType];
  return database.transaction(async () => {
    await preferHashJoins(database);
    return findRenumbered(database, { integrationId, institutionId, spec, runId });
  });
}
