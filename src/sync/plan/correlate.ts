import type { Database } from '../../database/index.js';
import type { EntitySpec } from '../entity-spec.js';
import type { SyncPolicy } from '../policy.js';
import type { SyncRun } from '../sync-run.js';
import { RUN } from './run-sql.js';

/** A new row of the source of which nobody can tell without a person who it is. */
export interface PlannedConflict {
  seq: number;
  externalId: string;
  line: number | null;
  reason: string;
}

/** How sure it is that two people are one, by what they have in common. Ordered: the surest that holds counts. */
const RULES = [
  { rule: 'nationalId', confidence: 1, on: 'p.national_id = f.national_id' },
  { rule: 'code', confidence: 0.95, on: 'p.code = f.code' },
  { rule: 'email and familyName', confidence: 0.85, on: 'lower(p.email) = f.email AND lower(p.family_name) = f.family' },
  { rule: 'email', confidence: 0.5, on: 'lower(p.email) = f.email' },
] as const;
const SAME_GROUP = { rule: 'name and group', confidence: 0.6 };

/** Each candidate with how many its row has, and how many rows its person has. */
const COUNTED = `SELECT x.*, count(*) OVER (PARTITION BY seq) AS of_row, count(*) OVER (PARTITION BY id) AS of_person
  FROM sync_candidates x`;

/**
 * Looks for new people of the source among those who are in the roster already, put there by a backend or by another
 * integration. A single sure candidate is noted as the row's link; whoever is doubtful is taken out of the run and
 * becomes a conflict for a person. What a person decided before is done.
 */
export async function correlate(
  database: Database,
  { run, spec, policy }: { run: SyncRun; spec: EntitySpec; policy: SyncPolicy },
): Promise<PlannedConflict[]> {
  if (spec.table !== 'students' && spec.table !== 'teachers') return [];
  const key = [run.integrationId, run.id, run.institutionId, spec.entityType];
  const [look] = await database.query<{ others: boolean; decided: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM sync_conflicts WHERE integration_id = $1 AND entity_type = $3) AS decided,
       EXISTS (SELECT 1 FROM ${spec.table} t WHERE t.institution_id = $2) AS others`,
    [run.integrationId, run.institutionId, spec.entityType],
  );
  const ignored = look?.decided ? await followDecisions(database, key) : [];
  const doubtful = look?.others ? await findDoubtful(database, spec, policy, key) : [];
  return [...ignored, ...doubtful];
}

/** Links what a person linked, and leaves out what a person said to leave out. */
async function followDecisions(database: Database, key: unknown[]): Promise<PlannedConflict[]> {
  const decided = `FROM sync_conflicts d WHERE ${RUN} AND s.kind = 'ENTITY' AND d.integration_id = $1 AND d.entity_type = $3
    AND d.external_id = s.external_id`;
  const values = [key[0], key[1], key[3]];
  await database.execute(
    `UPDATE sync_staged s SET link_id = d.internal_id ${decided} AND d.resolution = 'LINK' AND NOT EXISTS (
       SELECT 1 FROM integration_mappings m WHERE m.integration_id = $1 AND m.entity_type = $3
         AND (m.internal_id = d.internal_id OR m.external_id = d.external_id))`,
    values,
  );
  return database.query<PlannedConflict>(
    `DELETE FROM sync_staged s USING sync_conflicts d WHERE ${RUN} AND s.kind = 'ENTITY' AND d.integration_id = $1
       AND d.entity_type = $3 AND d.external_id = s.external_id AND d.resolution = 'IGNORE' AND NOT EXISTS (
         SELECT 1 FROM integration_mappings m WHERE m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = d.external_id)
     RETURNING s.seq, s.external_id AS "externalId", s.line, 'is left out, as a person decided' AS reason`,
    values,
  );
}

async function findDoubtful(
  database: Database,
  spec: EntitySpec,
  policy: SyncPolicy,
  key: unknown[],
): Promise<PlannedConflict[]> {
  const { link, conflict } = policy.correlation;
  const matches = RULES.map(
    ({ rule, confidence, on }) =>
      `SELECT f.seq, p.id, p.mapped_as, ${confidence}::float8 AS confidence, '${rule}' AS rule FROM fresh f JOIN people p ON ${on}`,
  );
  matches.push(
    `SELECT f.seq, p.id, p.mapped_as, ${SAME_GROUP.confidence}::float8, '${SAME_GROUP.rule}' FROM fresh f
     JOIN people p ON lower(p.given_name) = f.given AND lower(p.family_name) = f.family
     JOIN memberships t ON t.institution_id = $3 AND t.person_id = p.id AND t.role = $4
     JOIN integration_mappings g ON g.integration_id = $1 AND g.entity_type = 'GROUP' AND g.internal_id = t.group_id
     JOIN sync_staged x ON x.integration_id = $1 AND x.run_id = $2 AND x.kind = 'MEMBERSHIP' AND x.external_id = g.external_id
       AND x.person_external_id = f.external_id`,
  );
  await database.query('DROP TABLE IF EXISTS sync_candidates');
  // Of the transaction under way alone.
  await database.query(
    'CREATE TEMP TABLE sync_candidates (seq int, id uuid, mapped_as text, confidence float8, rule text) ON COMMIT DROP',
  );
  await database.execute(
    `WITH fresh AS (
       SELECT s.seq, s.external_id, s.national_id, s.code, lower(s.email) AS email, lower(s.family_name) AS family,
         lower(s.given_name) AS given
       FROM sync_staged s
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4 AND m.external_id = s.external_id
       LEFT JOIN sync_conflicts d ON d.integration_id = $1 AND d.entity_type = $4 AND d.external_id = s.external_id
       WHERE ${RUN} AND s.kind = 'ENTITY' AND m.internal_id IS NULL AND s.link_id IS NULL AND d.resolution IS DISTINCT FROM 'CREATE'
     ), people AS (
       SELECT t.id, t.national_id, t.code, t.email, t.given_name, t.family_name, m.external_id AS mapped_as FROM ${spec.table} t
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4 AND m.internal_id = t.id
       WHERE t.institution_id = $3 AND t.merged_into IS NULL
     ), found AS (${matches.join(' UNION ALL ')})
     INSERT INTO sync_candidates
     SELECT DISTINCT ON (seq, id) seq, id, mapped_as, confidence, rule FROM found
     -- Who is mapped already is somebody else, unless it is nearly certain that it is not.
     WHERE confidence >= CASE WHEN mapped_as IS NULL THEN $5::float8 ELSE $6::float8 END
     ORDER BY seq, id, confidence DESC`,
    [...key, conflict, link],
  );
  // A single sure candidate whom nobody else claims.
  await database.execute(
    `UPDATE sync_staged s SET link_id = c.id FROM (${COUNTED}) c
     WHERE ${RUN} AND s.seq = c.seq AND c.mapped_as IS NULL AND c.confidence >= $3 AND c.of_row = 1 AND c.of_person = 1`,
    [key[0], key[1], link],
  );
  return keepOut(database, spec, key);
}

/** Takes rows with candidates and no link out of the run, and writes them down as conflicts. */
async function keepOut(database: Database, spec: EntitySpec, key: unknown[]): Promise<PlannedConflict[]> {
  const record = spec.fields.map(({ field, column }) => `'${field}', s.${column}`).join(', ');
  return database.query<PlannedConflict>(
    `WITH doubtful AS (
       SELECT c.seq, max(c.mapped_as) AS mapped_as, count(*) AS candidates,
         bool_or(c.of_person > 1) AS claimed,
         jsonb_agg(jsonb_build_object('internalId', c.id, 'confidence', c.confidence, 'rule', c.rule) ORDER BY c.confidence DESC, c.id) AS list
       FROM (${COUNTED}) c GROUP BY c.seq
     ), taken AS (
       DELETE FROM sync_staged s USING doubtful d
       WHERE ${RUN} AND s.seq = d.seq AND s.kind = 'ENTITY' AND s.link_id IS NULL
       RETURNING s.seq, s.external_id, s.line, jsonb_build_object(${record}) AS record, d.list,
         CASE WHEN d.mapped_as IS NOT NULL THEN format('looks like the person with id "%s"', d.mapped_as)
           WHEN d.claimed THEN 'looks like somebody whom another row looks like too'
           WHEN d.candidates > 1 THEN format('may be any of %s people in the roster', d.candidates)
           ELSE format('may be somebody in the roster (same %s)', d.list->0->>'rule') END AS reason
     ), written AS (
       INSERT INTO sync_conflicts AS x (integration_id, entity_type, external_id, run_id, record, candidates, reason)
       SELECT $1, $3, external_id, $2, record, list, reason FROM taken
       ON CONFLICT (integration_id, entity_type, external_id) DO UPDATE SET run_id = excluded.run_id, record = excluded.record,
         candidates = excluded.candidates, reason = excluded.reason, resolution = NULL, internal_id = NULL, resolved_at = NULL)
     SELECT seq, external_id AS "externalId", line, reason FROM taken ORDER BY seq`,
    [key[0], key[1], key[3]],
  );
}
