import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { RUN } from '../sql/run-sql.js';

/** A row of the source that stays out of the plan until a person decides, or because a person decided so. */
export interface PlannedConflict {
  seq: number;
  externalId: string;
  line: number | null;
  reason: string;
  /** Of one that nobody was asked about before: its UUID. */
  newId?: string | null;
}

/**
 * Takes rows out of the run and stores them as conflicts that wait for a decision. `doubtful`: a query for
 * the `seq` of each, the `reason` and the `list` of candidates (JSON). Its first parameters are the
 * integration, the run and the entity type. The rows stay in sync_staged as KEPT_OUT: whom they are about is
 * not absent.
 */
export async function keepOut(
  database: Database,
  spec: EntitySpec,
  { doubtful, values }: { doubtful: string; values: readonly unknown[] },
): Promise<PlannedConflict[]> {
  const record = spec.fields.map(({ field, column }) => `'${field}', s.${column}`).join(', ');
  return database.query<PlannedConflict>(
    `WITH doubtful AS MATERIALIZED (${doubtful}),
     taken AS (
       UPDATE sync_staged s SET kind = 'KEPT_OUT' FROM doubtful d
         WHERE ${RUN} AND s.seq = d.seq AND s.kind = 'ENTITY'
       RETURNING s.seq, s.external_id, s.line, jsonb_build_object(${record}) AS record, d.list, d.reason
     ), written AS (
       INSERT INTO sync_conflicts AS x (integration_id, entity_type, external_id, run_id, record, candidates,
         reason, lasting)
       SELECT $1, $3, external_id, $2, record, list, reason, false FROM taken
       ON CONFLICT (integration_id, entity_type, external_id) DO UPDATE
         SET run_id = excluded.run_id, record = excluded.record,
         candidates = excluded.candidates, reason = excluded.reason, resolution = NULL, internal_id = NULL,
           resolved_at = NULL
       RETURNING id, external_id)
     SELECT t.seq, t.external_id AS "externalId", t.line, t.reason,
       -- As it was before this statement: one that waited already is none.
       CASE WHEN b.id IS NULL OR b.resolution IS NOT NULL THEN w.id END AS "newId"
     FROM taken t
     LEFT JOIN written w ON w.external_id = t.external_id
     LEFT JOIN sync_conflicts b ON b.integration_id = $1 AND b.entity_type = $3
       AND b.external_id = t.external_id
     ORDER BY t.seq`,
    values,
  );
}

/** SQL for the columns of the roster from the `record` of a conflict of this alias. */
export function recordColumns(spec: EntitySpec, conflict: string): string {
  const columns = spec.fields.map(
    ({ field, column, kind }) =>
      `(${conflict}.record->>'${field}')${kind === 'date' ? '::date' : ''} AS ${column}`,
  );
  return columns.join(', ');
}

/**
 * A mapped person whose row stays out is left as he or she is: the memberships that the source has for the
 * id, which may be those of somebody else, are put in the place of those that the person has.
 */
export async function keepMembershipsOf(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
  conflicts: readonly PlannedConflict[],
): Promise<void> {
  if (conflicts.length === 0) return;
  const ids = conflicts.map(({ externalId }) => externalId);
  const mapped = `JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3
    AND m.external_id = ids.id`;
  const replaced = await database.execute(
    `DELETE FROM sync_staged s USING unnest($4::text[]) AS ids (id) ${mapped}
     WHERE ${RUN} AND s.kind = 'MEMBERSHIP' AND s.role = $3 AND s.person_external_id = ids.id`,
    [run.integrationId, run.id, spec.entityType, ids],
  );
  if (replaced === 0 && run.membershipCounts.read === 0) return;
  await database.execute(
    `INSERT INTO sync_staged (integration_id, run_id, kind, seq, external_id, person_external_id, role)
     SELECT $1, $2, 'MEMBERSHIP', 0, g.external_id, ids.id, $3 FROM unnest($5::text[]) AS ids (id) ${mapped}
     JOIN memberships t ON t.institution_id = $4 AND t.person_id = m.internal_id AND t.role = $3
     JOIN integration_mappings g ON g.integration_id = $1 AND g.entity_type = 'GROUP'
       AND g.internal_id = t.group_id`,
    [run.integrationId, run.id, spec.entityType, run.institutionId, ids],
  );
}
