import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { identifying } from '../match/index.js';
import { lookUp } from '../sql/joins.js';
import { RUN } from '../sql/run-sql.js';
import type { Staged } from '../stage/index.js';

/** A changed row with the national id of somebody whose row is as it was. */
export interface TakenNationalId {
  line: number | null;
  externalId: string;
  nationalId: string;
  /** Whose it is, and the line of that row; null where the source has no lines. */
  ownerId: string;
  ownerLine: number | null;
}

/**
 * Finds changed rows that take the national id of somebody whose row did not change, and was therefore not
 * staged. They go without their digest, so that each sync says it again.
 */
export async function findTakenNationalIds(
  database: Database,
  { run, spec, staged }: { run: SyncRun; spec: EntitySpec; staged: Staged },
): Promise<TakenNationalId[]> {
  if (spec.table !== 'students' && spec.table !== 'teachers') return [];
  const changed = await findChangedIds(database, { run, spec, staged });
  if (changed.length === 0) return [];
  const taken = await findOwners(database, { run, spec, changed });
  // Whose row changed too may have another id by now; and who is gone has none.
  const found = taken
    .map(({ digest, ...row }) => ({ ...row, ownerLine: staged.known.lineOf(digest, 0) }))
    .filter(({ ownerLine }) => ownerLine !== 0);
  await forgetDigests(
    database,
    run,
    found.map(({ seq }) => seq),
  );
  return found.map(({ seq: _, ownerLine, ...row }) => ({
    ...row,
    ownerLine: ownerLine > 0 ? ownerLine : null,
  }));
}

/** The rows of mapped people that bring another national id than the person has. */
async function findChangedIds(
  database: Database,
  { run, spec, staged }: { run: SyncRun; spec: EntitySpec; staged: Staged },
): Promise<number[]> {
  const rows = await lookUp(database, { rows: staged.lastSeq, among: staged.known.mapped }, () =>
    database.query<{ seq: number }>(
      `SELECT s.seq
       FROM sync_staged s
       JOIN integration_mappings m
         ON m.integration_id = $1 AND m.entity_type = $4 AND m.external_id = s.external_id
       JOIN ${spec.table} t ON t.institution_id = $3 AND t.id = m.internal_id
       WHERE ${RUN} AND s.kind = 'ENTITY' AND ${identifying('s.national_id')} IS NOT NULL
         AND (m.digest IS NULL OR t.national_id IS DISTINCT FROM s.national_id)`,
      [run.integrationId, run.id, run.institutionId, spec.entityType],
    ),
  );
  return rows.map(({ seq }) => seq);
}

/** Those of these rows whose national id somebody else has, with who that is. */
async function findOwners(
  database: Database,
  { run, spec, changed }: { run: SyncRun; spec: EntitySpec; changed: readonly number[] },
) {
  return database.query<TakenNationalId & { seq: number; digest: Buffer }>(
    `SELECT s.seq, s.line, s.external_id AS "externalId", s.national_id AS "nationalId",
       o.external_id AS "ownerId", uuid_send(o.digest) AS digest
     FROM sync_staged s
     JOIN ${spec.table} t
       ON t.institution_id = $3 AND t.national_id = s.national_id AND t.merged_into IS NULL
     JOIN integration_mappings o
       ON o.integration_id = $1 AND o.entity_type = $4 AND o.internal_id = t.id
     WHERE ${RUN} AND s.kind = 'ENTITY' AND s.seq = ANY($5::int[])
       AND o.external_id <> s.external_id AND o.digest IS NOT NULL
     ORDER BY s.seq, o.external_id`,
    [run.integrationId, run.id, run.institutionId, spec.entityType, changed],
  );
}

async function forgetDigests(database: Database, run: SyncRun, rows: readonly number[]): Promise<void> {
  await database.execute(
    'UPDATE sync_staged SET digest = NULL WHERE integration_id = $1 AND run_id = $2 AND seq = ANY($3::int[])',
    [run.integrationId, run.id, rows],
  );
}
