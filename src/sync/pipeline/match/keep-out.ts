import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { TO_FORMER } from '../../conflicts/former-decision.js';
import { RUN } from '../sql/run-sql.js';
import { isSameRecord } from './contradiction.js';

/** A row of the source that stays out of the plan until a person decides, or because a person decided so. */
export interface PlannedConflict {
  seq: number;
  externalId: string;
  line: number | null;
  reason: string;
  /** Of one that nobody was asked about before, or about another row: its UUID. */
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
         -- What somebody saw of one row is not decided of another that has its id by now.
         SET id = CASE WHEN ${isSameRecord('excluded.record', 'x.record')} THEN x.id ELSE gen_random_uuid() END,
           run_id = excluded.run_id, record = excluded.record,
         candidates = excluded.candidates, reason = excluded.reason, resolution = NULL, internal_id = NULL,
           resolved_at = NULL, former = ${TO_FORMER}, idle = false,
           -- Of a plan that is discarded, what was decided before comes back.
           lasting = x.lasting AND x.resolution IS NULL
       RETURNING id, external_id)
     SELECT t.seq, t.external_id AS "externalId", t.line, t.reason,
       -- As it was before this statement: one that waited already is none.
       CASE WHEN b.id IS DISTINCT FROM w.id OR b.resolution IS NOT NULL THEN w.id END AS "newId"
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
