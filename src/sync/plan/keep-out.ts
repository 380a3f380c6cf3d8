import type { Database } from '../../database/index.js';
import type { EntitySpec } from '../entity-spec.js';
import { RUN } from './run-sql.js';

/** A row of the source that stays out of the plan until a person decides, or because a person decided so. */
export interface PlannedConflict {
  seq: number;
  externalId: string;
  line: number | null;
  reason: string;
}

/**
 * Takes rows out of the run and stores them as conflicts that wait for a decision. `doubtful`: a query for the `seq` of
 * each, the `reason` and the `list` of candidates (JSON). Its first parameters are the
 * integration, the run and the entity type.
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
       DELETE FROM sync_staged s USING doubtful d WHERE ${RUN} AND s.seq = d.seq AND s.kind = 'ENTITY'
       RETURNING s.seq, s.external_id, s.line, jsonb_build_object(${record}) AS record, d.list, d.reason
     ), written AS (
       INSERT INTO sync_conflicts AS x (integration_id, entity_type, external_id, run_id, record, candidates, reason)
       SELECT $1, $3, external_id, $2, record, list, reason FROM taken
       ON CONFLICT (integration_id, entity_type, external_id) DO UPDATE SET run_id = excluded.run_id, record = excluded.record,
         candidates = excluded.candidates, reason = excluded.reason, resolution = NULL, internal_id = NULL, resolved_at = NULL)
     SELECT seq, external_id AS "externalId", line, reason FROM taken ORDER BY seq`,
    values,
  );
}
