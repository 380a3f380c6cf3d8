import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { decisionsOf } from '../../conflicts/former-decision.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { preferHashJoins } from '../sql/joins.js';
import { contradictionOfLink, identifying, identifyingCode } from './contradiction.js';
import { deniedBy, deniesAll } from './denied.js';

/** A value that more people than this have, in the source or in the roster, does not tell who somebody is. */
const MAX_SHARED = 3;

/**
 * How sure it is that two people are one, by what they have in common: the key of a row or person `x`, the
 * surest first.
 */
const RULES = [
  { rule: 'nationalId', confidence: 1, key: 'x.national_id', usable: identifying('x.national_id') },
  { rule: 'code', confidence: 0.95, key: 'x.code', usable: identifyingCode('x.code') },
  { rule: 'email and familyName', confidence: 0.85, key: `lower(x.email) || E'\\n' || lower(x.family_name)` },
  { rule: 'email', confidence: 0.5, key: 'lower(x.email)' },
] as const;
const SAME_GROUP = {
  rule: 'name and group',
  confidence: 0.6,
  key: `lower(x.given_name) || E'\\n' || lower(x.family_name) || E'\\n' || g.group_id`,
};
/** A row whose id is mapped to somebody whom it contradicts: that person is a candidate too. */
const SAME_EXTERNAL_ID = { rule: 'externalId', confidence: 0.5 };
/** A row that a decision linked to somebody when it was another's: that person is a candidate too. */
const DECISION = { rule: 'decision', confidence: 0.5 };

/** Where the rows come from that are looked for among the people of the roster: three queries. */
export interface MatchSources {
  /**
   * seq, external_id, national_id, code, email, given_name, family_name, birth_date, `waits` (whether it is a
   * conflict that waits for a decision), `mapped_id` (the person its id is mapped to, whom it contradicts;
   * else null), `linked_id` (the person whom a decision linked it to that is not carried out; else null) and `denied`
   * (people that it is none of, by a decision; else null).
   */
  rows: string;
  /** seq and group_id of the groups of these rows. */
  rowGroups: string;
  /** id and external_id of people who are linked to a row by a decision, each once. */
  claims: string;
}

/**
 * SQL for the candidates of rows: seq, id, mapped_as, confidence, rule, contradicts. Parameters: $1
 * integration, $2 run, $3 institution, $4 entity type, $5 and $6 the confidences from which on somebody is a
 * candidate, unmapped and mapped. It costs as much as there are rows and people: a key is compared only when
 * at most MAX_SHARED rows have it.
 */
export function matchesSql(spec: EntitySpec, { rows, rowGroups, claims }: MatchSources): string {
  const rowKeys = RULES.map((rule) => {
    const key = 'usable' in rule ? rule.usable : rule.key;
    return `SELECT '${rule.rule}' AS rule, ${key} AS key, x.seq FROM fresh x`;
  });
  rowKeys.push(
    `SELECT '${SAME_GROUP.rule}', ${SAME_GROUP.key}, x.seq FROM fresh x JOIN fresh_groups g ON g.seq = x.seq`,
  );
  const personKeys = RULES.map(
    ({ rule, key }) =>
      `SELECT k.rule, k.key, k.seqs, x.id FROM keys k
        JOIN ${spec.table} x ON x.institution_id = $3 AND x.merged_into IS NULL AND ${key} = k.key
          WHERE k.rule = '${rule}'`,
  );
  personKeys.push(
    `SELECT k.rule, k.key, k.seqs, x.id FROM keys k
     JOIN (SELECT x.id, ${SAME_GROUP.key} AS key FROM ${spec.table} x
           JOIN memberships g ON g.institution_id = $3 AND g.person_id = x.id AND g.role = $4
           WHERE x.institution_id = $3 AND x.merged_into IS NULL AND EXISTS (SELECT 1 FROM fresh_groups)) x
             ON x.key = k.key
     WHERE k.rule = '${SAME_GROUP.rule}'`,
  );
  const confidence = [...RULES, SAME_GROUP, SAME_EXTERNAL_ID, DECISION].map(
    ({ rule, confidence: sure }) => `WHEN '${rule}' THEN ${sure}::float8`,
  );
  return `WITH fresh AS MATERIALIZED (${rows}),
    fresh_groups AS MATERIALIZED (${rowGroups}),
    claims AS MATERIALIZED (${claims}),
    keys AS MATERIALIZED (
      SELECT rule, key, array_agg(seq) AS seqs FROM (${rowKeys.join(' UNION ALL ')}) k
      WHERE key IS NOT NULL GROUP BY rule, key HAVING count(*) <= ${MAX_SHARED}
    ), found AS MATERIALIZED (
      SELECT rule, seqs, array_agg(id) AS ids FROM (${personKeys.join(' UNION ALL ')}) p
      GROUP BY rule, key, seqs HAVING count(*) <= ${MAX_SHARED}
    ), pairs AS MATERIALIZED (
      SELECT DISTINCT ON (seq, id) seq, id, rule, confidence FROM (
        SELECT seq, id, rule, CASE rule ${confidence.join(' ')} END AS confidence FROM (
          SELECT seq, id, rule FROM found, unnest(seqs) AS seq, unnest(ids) AS id
          UNION ALL SELECT seq, mapped_id,
            '${SAME_EXTERNAL_ID.rule}' FROM fresh WHERE mapped_id IS NOT NULL
          UNION ALL SELECT seq, linked_id, '${DECISION.rule}' FROM fresh WHERE linked_id IS NOT NULL) hits
      -- That the person has the id, or had the row, is told whatever else they have in common.
      ) sure ORDER BY seq, id, rule IN ('${SAME_EXTERNAL_ID.rule}', '${DECISION.rule}') DESC, confidence DESC
    )
    SELECT b.seq, b.id, COALESCE(m.external_id, c.external_id) AS mapped_as, b.confidence, b.rule,
      b.id IN (f.mapped_id, f.linked_id) AS is_own,
      ${contradictionOfLink(spec, 'f', 't')} AS contradicts
    FROM pairs b JOIN fresh f ON f.seq = b.seq
    JOIN ${spec.table} t ON t.institution_id = $3 AND t.id = b.id
    LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4 AND m.internal_id = b.id
    LEFT JOIN claims c ON c.id = b.id AND c.external_id <> f.external_id
    -- Who is mapped already is somebody else, unless it is nearly certain that it is not, or a person is to say so.
    WHERE (b.id IN (f.mapped_id, f.linked_id) OR b.confidence >= CASE WHEN m.external_id IS NULL
      OR f.waits THEN $5::float8 ELSE $6::float8 END) AND (f.denied IS NULL OR b.id <> ALL(f.denied))`;
}

/**
 * Marks those changes of a stored plan as MOVED that would create somebody who is, or may be, in the roster
 * by now: somebody whom the rules of `correlate` would have made a link or a conflict. A decision to create
 * somebody new holds. Changes that have an outcome are left alone. To be called in the transaction that
 * applies the plan, before anything is created. Returns how many were marked; 0 for courses and groups.
 */
export async function markMatchedCreates(
  database: Database,
  { run, spec, policy }: { run: SyncRun; spec: EntitySpec; policy: SyncPolicy },
): Promise<number> {
  if (spec.table !== 'students' && spec.table !== 'teachers') return 0;
  const values = [run.integrationId, run.id, run.institutionId, spec.entityType];
  const [look] = await database.query<{ needed: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM ${spec.table} WHERE institution_id = $3) AND EXISTS (
       SELECT 1 FROM sync_changes
         WHERE integration_id = $1 AND run_id = $2 AND entity = $4 AND action = 'CREATE'
           AND outcome IS NULL) AS needed`,
    values,
  );
  if (!look?.needed) return 0;
  const { link, conflict } = policy.correlation;
  const creates = `c.integration_id = $1 AND c.run_id = $2 AND c.action = 'CREATE' AND c.outcome IS NULL`;
  const fields = ['nationalId', 'code', 'email', 'givenName', 'familyName', 'birthDate'].map((field) => {
    const column = field.replace(/[A-Z]/, (capital) => `_${capital.toLowerCase()}`);
    return `(c.after->>'${field}')${field === 'birthDate' ? '::date' : ''} AS ${column}`;
  });
  const sources: MatchSources = {
    // Who was removed from the roster comes back under the old id: such a row is mapped, and stands for
    // nobody else.
    rows: `SELECT s.*, d.external_id IS NOT NULL AS waits, NULL::uuid AS mapped_id, NULL::uuid AS linked_id,
        ${deniedBy('d', 's')} AS denied
      FROM (SELECT c.seq, c.external_id, ${fields.join(', ')} FROM sync_changes c
        WHERE ${creates} AND c.entity = $4) s
      LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4
        AND m.external_id = s.external_id
      LEFT JOIN ${decisionsOf('$1', '$4')} d ON d.external_id = s.external_id
      WHERE m.internal_id IS NULL AND NOT ${deniesAll('d', 's')}`,
    rowGroups: `SELECT DISTINCT p.seq, (c.after->>'groupId')::uuid AS group_id FROM sync_changes c
      JOIN sync_changes p ON p.integration_id = $1 AND p.run_id = $2 AND p.entity = $4
        AND p.internal_id = c.internal_id
      WHERE ${creates} AND c.entity = 'MEMBERSHIP' AND c.after->>'role' = $4`,
    claims: 'SELECT NULL::uuid AS id, NULL::text AS external_id WHERE false',
  };
  await preferHashJoins(database);
  return database.execute(
    `UPDATE sync_changes x SET outcome = 'MOVED',
      reason = 'Somebody who may be the same came into the roster after the plan was made.'
       FROM (SELECT DISTINCT seq FROM (${matchesSql(spec, sources)}) matches) s
       WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = s.seq`,
    [...values, conflict, link],
  );
}
