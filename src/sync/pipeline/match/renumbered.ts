import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { isSamePerson } from './contradiction.js';
import { recordColumns } from './keep-out.js';

/** A person whom the source has under another id than before. */
export interface Renumbered {
  /** The conflict of the row with the new id. */
  conflictId: string;
  externalId: string;
  /** The id that the person is mapped to. */
  formerId: string;
  internalId: string;
  /** What the row and the person have in common. */
  rule: string;
  givenName: string | null;
  familyName: string | null;
  /** Whether the plan of the row takes the person for gone, who was there before. */
  isLeaving: boolean;
}

export interface RenumberedOf {
  integrationId: string;
  institutionId: string;
  spec: EntitySpec;
  /** The plan whose conflicts are meant; default: all that wait. */
  runId?: string | undefined;
  /** The rule by which they must be the same; default: each that proves it. */
  rule?: string | undefined;
}

/** What proves that a row and a person are one, beside the name: the surest first. */
const PROOFS = ['nationalId', 'code'];

/**
 * The people whom their school renumbered, in the order of their new ids: a row that waits as a conflict is
 * surely that person (same national id or code, and the same name), and the id before is gone from the source
 * or somebody else's there. A new id that is mapped to somebody counts only when that one has a new id too.
 */
export async function findRenumbered(database: Database, of: RenumberedOf): Promise<Renumbered[]> {
  const { integrationId, institutionId, spec, runId, rule } = of;
  if (spec.table !== 'students' && spec.table !== 'teachers') return [];
  const rows = await database.query<Renumbered & { holderId: string | null }>(
    `WITH waiting AS MATERIALIZED (
       SELECT d.* FROM sync_conflicts d
       WHERE d.integration_id = $1 AND d.entity_type = $3 AND d.resolution IS NULL
         -- A later plan may have met them again, and they are the later one's by now.
         AND ($4::uuid IS NULL OR d.run_id = $4 OR d.external_id IN (SELECT i.external_id FROM sync_issues i
           WHERE i.integration_id = $1 AND i.run_id = $4 AND i.rule = 'identity.conflict'))
     ), sure AS MATERIALIZED (
       SELECT d.id, d.external_id, COALESCE($4, d.run_id) AS run_id, min(c->>'internalId')::uuid AS person_id, min(c->>'rule') AS rule, ${recordColumns(spec, 'd')}
       FROM waiting d CROSS JOIN LATERAL jsonb_array_elements(d.candidates) c
       -- The surest alone: where a national id tells, a code that was given to somebody else does not.
       WHERE c->>'rule' = ANY($5::text[]) AND (c->>'confidence')::float8 = (
         SELECT max((x->>'confidence')::float8) FROM jsonb_array_elements(d.candidates) x
           WHERE x->>'rule' = ANY($5::text[]))
       GROUP BY d.id, d.external_id, d.run_id, d.record HAVING count(*) = 1
     ), leaving AS MATERIALIZED (
       SELECT x.run_id, x.external_id, bool_or(x.missing_before = 0) AS newly FROM sync_changes x
       WHERE x.integration_id = $1 AND x.run_id IN (SELECT run_id FROM sure) AND x.entity = $3
         AND x.missing_after > 0
       GROUP BY x.run_id, x.external_id)
     SELECT r.id AS "conflictId", r.external_id AS "externalId", m.external_id AS "formerId",
       m.internal_id AS "internalId", r.rule,
       r.given_name AS "givenName", r.family_name AS "familyName", n.internal_id AS "holderId",
         COALESCE(l.newly, false) AS "isLeaving"
     FROM sure r
     JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3
       AND m.internal_id = r.person_id
     JOIN ${spec.table} t ON t.institution_id = $2 AND t.id = r.person_id AND t.merged_into IS NULL
     LEFT JOIN integration_mappings n ON n.integration_id = $1 AND n.entity_type = $3
       AND n.external_id = r.external_id
     LEFT JOIN leaving l ON l.run_id = r.run_id AND l.external_id = m.external_id
     LEFT JOIN waiting o ON o.external_id = m.external_id
     -- Decisions to link are no claims here: of who is mapped, each was carried out or no longer holds.
     WHERE m.external_id <> r.external_id
       AND (m.missing_runs > 0 OR l.external_id IS NOT NULL OR o.external_id IS NOT NULL)
         AND ${isSamePerson(spec, 'r', 't')}
     ORDER BY r.external_id`,
    [integrationId, institutionId, spec.entityType, runId ?? null, rule === undefined ? PROOFS : [rule]],
  );
  return withFreeIds(withoutDoubles(rows)).map(({ holderId: _, ...one }) => one);
}

/** One row for each person: of two that claim one, neither counts. */
function withoutDoubles<T extends Renumbered>(rows: readonly T[]): T[] {
  const times = new Map<string, number>();
  for (const { internalId } of rows) times.set(internalId, (times.get(internalId) ?? 0) + 1);
  return rows.filter(({ internalId }) => times.get(internalId) === 1);
}

/** Those whose new ids are nobody's, or are those of others who go to new ids themselves. */
function withFreeIds<T extends Renumbered & { holderId: string | null }>(rows: readonly T[]): T[] {
  let left = [...rows];
  for (;;) {
    const moving = new Set(left.map(({ internalId }) => internalId));
    const free = left.filter(({ holderId }) => holderId === null || moving.has(holderId));
    if (free.length === left.length) return free;
    left = free;
  }
}
