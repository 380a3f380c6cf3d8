import type { Database } from '../../database/index.js';
import type { EntitySpec } from '../entity-spec.js';
import type { SyncPolicy } from '../policy.js';
import type { SyncRun } from '../sync-run.js';
import { followDecisions } from './decisions.js';
import { keepOut, type PlannedConflict } from './keep-out.js';
import { RUN } from './run-sql.js';

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
  const leftOut = look?.decided ? await followDecisions(database, run, spec) : [];
  const doubtful = look?.others ? await findDoubtful(database, spec, policy, key) : [];
  if (look?.decided) await dropSettled(database, run, spec);
  return [...leftOut, ...doubtful];
}

/** Conflicts that wait although their row is in no doubt any more. */
async function dropSettled(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  await database.execute(
    `DELETE FROM sync_conflicts d USING sync_staged s WHERE ${RUN} AND s.kind = 'ENTITY' AND d.integration_id = $1
       AND d.entity_type = $3 AND d.external_id = s.external_id AND d.resolution IS NULL`,
    [run.integrationId, run.id, spec.entityType],
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
      `SELECT f.seq, p.id, p.mapped_as, p.is_claimed OR f.waits AS is_open, ${confidence}::float8 AS confidence, '${rule}' AS rule FROM fresh f JOIN people p ON ${on}`,
  );
  matches.push(
    `SELECT f.seq, p.id, p.mapped_as, p.is_claimed OR f.waits, ${SAME_GROUP.confidence}::float8, '${SAME_GROUP.rule}' FROM fresh f
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
         lower(s.given_name) AS given, d.external_id IS NOT NULL AS waits
       FROM sync_staged s
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4 AND m.external_id = s.external_id
       LEFT JOIN sync_conflicts d ON d.integration_id = $1 AND d.entity_type = $4 AND d.external_id = s.external_id
       WHERE ${RUN} AND s.kind = 'ENTITY' AND m.internal_id IS NULL AND s.link_id IS NULL AND d.resolution IS DISTINCT FROM 'CREATE'
     ), people AS (
       SELECT t.id, t.national_id, t.code, t.email, t.given_name, t.family_name, COALESCE(m.external_id, s.external_id) AS mapped_as,
         s.seq IS NOT NULL AS is_claimed
       FROM ${spec.table} t
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4 AND m.internal_id = t.id
       -- So far a person linked all links.
       LEFT JOIN sync_staged s ON ${RUN} AND s.kind = 'ENTITY' AND s.link_id = t.id
       WHERE t.institution_id = $3
     ), found AS (${matches.join(' UNION ALL ')})
     INSERT INTO sync_candidates
     SELECT DISTINCT ON (seq, id) seq, id, mapped_as, confidence, rule FROM found
     -- Who is mapped already is somebody else, unless it is nearly certain that it is not, or a person is to say so.
     WHERE confidence >= CASE WHEN mapped_as IS NULL OR is_open THEN $5::float8 ELSE $6::float8 END
     ORDER BY seq, id, confidence DESC`,
    [...key, conflict, link],
  );
  // A single sure candidate whom nobody else claims.
  await database.execute(
    `UPDATE sync_staged s SET link_id = c.id FROM (${COUNTED}) c
     WHERE ${RUN} AND s.seq = c.seq AND c.mapped_as IS NULL AND c.confidence >= $3 AND c.of_row = 1 AND c.of_person = 1`,
    [key[0], key[1], link],
  );
  return keepOut(database, spec, {
    doubtful: `SELECT c.seq,
        CASE WHEN max(c.mapped_as) IS NOT NULL THEN format('looks like the person with id "%s"', max(c.mapped_as))
          WHEN bool_or(c.of_person > 1) THEN 'looks like somebody whom another row looks like too'
          WHEN count(*) > 1 THEN format('may be any of %s people in the roster', count(*))
          ELSE format('may be somebody in the roster (same %s)', max(c.rule)) END AS reason,
        jsonb_agg(jsonb_build_object('internalId', c.id, 'confidence', c.confidence, 'rule', c.rule) ORDER BY c.confidence DESC, c.id) AS list
      FROM (${COUNTED}) c JOIN sync_staged s ON ${RUN} AND s.seq = c.seq AND s.link_id IS NULL GROUP BY c.seq`,
    values: [key[0], key[1], key[3]],
  });
}
