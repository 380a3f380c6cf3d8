import { type Database, isOfPerson } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { decisionsOf } from '../../conflicts/former-decision.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { areFew } from '../sql/joins.js';
import { RUN } from '../sql/run-sql.js';
import type { Staged } from '../stage/index.js';
import {
  contradictionOfUpdate,
  decisionHolds,
  identifying,
  isAnotherIfClaimed,
  isAnotherIfTaken,
} from './contradiction.js';
import { followDecisions, leaveReusedOut, noteBrokenLinks } from './decisions.js';
import { deniedBy, deniesAll, MAX_CANDIDATES } from './denied.js';
import { keepOut, type PlannedConflict } from './keep-out.js';
import { matchesSql } from './matches.js';

/** Up to so many changed rows are looked up one by one in a school of any size. */
const MAX_LOOKUPS = 2_000;

interface CorrelateOptions {
  run: SyncRun;
  spec: EntitySpec;
  policy: SyncPolicy;
  staged: Staged;
}

/** A row whose id is mapped to somebody whom it contradicts. */
interface ReusedId {
  seq: number;
  mappedId: string;
  /** The national id of the row, where it contradicts that person only if it is somebody else's. */
  nationalId: string | null;
  /** Whether a person said to leave such a row out. */
  ignored: boolean;
}

/** Each candidate with how many its row has, and how many rows its person has. */
const COUNTED = `SELECT x.*, count(*) OVER (PARTITION BY seq) AS of_row,
  count(*) OVER (PARTITION BY id) AS of_person,
    row_number() OVER (PARTITION BY seq ORDER BY is_own IS TRUE DESC, confidence DESC, id) AS place
  FROM sync_candidates x`;

/**
 * Looks for new people of the source among those who are in the roster already, put there by a backend or by
 * another integration. A single sure candidate is noted as the row's link. Whoever is doubtful, contradicts
 * the candidate, or contradicts the person that its id is mapped to, stays out of the run and becomes a
 * conflict for a person. What a person decided before is done. No two rows are linked to one person, and none
 * to somebody who is mapped.
 */
export async function correlate(database: Database, options: CorrelateOptions): Promise<PlannedConflict[]> {
  const { run, spec, staged } = options;
  if (spec.table !== 'students' && spec.table !== 'teachers') return [];
  const [look] = await database.query<{ others: boolean; decided: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM sync_conflicts WHERE integration_id = $1 AND entity_type = $3) AS decided,
       EXISTS (SELECT 1 FROM ${spec.table} t WHERE t.institution_id = $2) AS others`,
    [run.integrationId, run.institutionId, spec.entityType],
  );
  const hasRows = staged.staged > 0;
  const leftOut = look?.decided && hasRows ? await followDecisions(database, run, spec) : [];
  const found = look?.others && staged.staged > staged.fresh ? await findReusedIds(database, options) : [];
  const ignored = found.filter((one) => one.ignored).map(({ seq }) => seq);
  leftOut.push(...(await leaveReusedOut(database, run, ignored)));
  const reused = found.filter((one) => !one.ignored);
  const isOpen = (look?.others || look?.decided) && (staged.fresh > 0 || reused.length > 0);
  const doubtful = isOpen ? await findDoubtful(database, options, reused) : [];
  return [...leftOut, ...doubtful];
}

/**
 * Changed rows that contradict whom their id is mapped to, where nobody decided that it is the same person. A
 * row with another name contradicts a person without a national id, too, when it has that of somebody else; and one
 * without a national id a person whose own another row has.
 */
async function findReusedIds(
  database: Database,
  { run, spec, staged }: CorrelateOptions,
): Promise<ReusedId[]> {
  const holds = decisionHolds('s', 'd');
  const isDecided = `d.resolution = 'LINK' AND d.internal_id = m.internal_id AND ${holds}`;
  // A decision to ignore an id that nobody had yet does not speak of the person who has it now.
  const isIgnored = `d.resolution = 'IGNORE' AND ${isOfPerson('d', 'm.internal_id')} AND ${holds}`;
  // A few rows are looked up by their keys, one by one, whatever the database takes the tables for.
  const sizes = { rows: staged.staged - staged.fresh, among: staged.known.mapped };
  const isFew = areFew(sizes, MAX_LOOKUPS);
  const join = (table: string, as: string, key: string) =>
    isFew
      ? `JOIN LATERAL (SELECT * FROM ${table} ${as} WHERE ${key} OFFSET 0) ${as} ON true`
      : `JOIN ${table} ${as} ON ${key}`;
  const contradiction = contradictionOfUpdate(spec, 's', 't');
  const found = await database.query<ReusedId>(
    `WITH s AS MATERIALIZED (SELECT s.* FROM sync_staged s WHERE ${RUN} AND s.kind = 'ENTITY')
       SELECT s.seq, m.internal_id AS "mappedId",
         CASE WHEN (${contradiction}) IS NULL THEN ${identifying('s.national_id')} END AS "nationalId",
         (${isIgnored}) IS TRUE AS ignored
       FROM s
       ${join('integration_mappings', 'm', 'm.integration_id = $1 AND m.entity_type = $4 AND m.external_id = s.external_id')}
       ${join(spec.table, 't', 't.institution_id = $3 AND t.id = m.internal_id')}
       LEFT JOIN ${decisionsOf('$1', '$4')} d ON d.external_id = s.external_id
       WHERE ((${contradiction}) IS NOT NULL OR ${isAnotherIfTaken(spec, 's', 't')}
           OR (${isAnotherIfClaimed(spec, 's', 't')} AND t.national_id IN (SELECT national_id FROM s WHERE national_id IS NOT NULL)))
         AND (${isDecided}) IS NOT TRUE`,
    [run.integrationId, run.id, run.institutionId, spec.entityType],
  );
  const asked = found.flatMap(({ nationalId }) => nationalId ?? []);
  if (asked.length === 0) return found;
  const owners = await database.query<{ id: string; nationalId: string }>(
    `SELECT id, national_id AS "nationalId" FROM ${spec.table}
     WHERE institution_id = $1 AND national_id = ANY($2::text[]) AND merged_into IS NULL`,
    [run.institutionId, asked],
  );
  return found.filter(
    ({ nationalId, mappedId }) =>
      nationalId === null || owners.some((one) => one.nationalId === nationalId && one.id !== mappedId),
  );
}

async function findDoubtful(
  database: Database,
  options: CorrelateOptions,
  reused: readonly ReusedId[],
): Promise<PlannedConflict[]> {
  const { run, spec, policy } = options;
  await database.query('DROP TABLE IF EXISTS sync_candidates');
  // Of the transaction under way alone.
  await database.query(
    `CREATE TEMP TABLE sync_candidates (seq int, id uuid, mapped_as text, confidence float8, rule text,
       is_own boolean, contradicts text, broken text) ON COMMIT DROP`,
  );
  await insertCandidates(database, options, reused);
  await noteBrokenLinks(database, run, spec);
  await linkSureCandidates(database, run, policy.correlation.link);
  return keepDoubtfulOut(database, run, spec);
}

/** Writes all candidates of the rows of the run into sync_candidates. */
async function insertCandidates(
  database: Database,
  { run, spec, policy }: CorrelateOptions,
  reused: readonly ReusedId[],
): Promise<void> {
  const { link, conflict } = policy.correlation;
  const matches = matchesSql(spec, {
    rows: `SELECT s.seq, s.external_id, s.national_id, s.code, s.email, s.given_name, s.family_name,
      s.birth_date,
        COALESCE(d.waits, false) AS waits, r.mapped_id,
        -- To whom a decision linked it, which cannot be carried out, or is about another row.
        CASE WHEN m.internal_id IS NULL AND d.resolution = 'LINK' THEN d.internal_id END AS linked_id,
        CASE WHEN m.internal_id IS NULL THEN ${deniedBy('d', 's')} END AS denied
      FROM sync_staged s
      LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4
        AND m.external_id = s.external_id
      LEFT JOIN ${decisionsOf('$1', '$4')} d ON d.external_id = s.external_id
      LEFT JOIN unnest($7::int[], $8::uuid[]) AS r (seq, mapped_id) ON r.seq = s.seq
      WHERE ${RUN} AND s.kind = 'ENTITY' AND s.link_id IS NULL AND (r.seq IS NOT NULL
        OR (m.internal_id IS NULL AND NOT ${deniesAll('d', 's')}))`,
    rowGroups: `SELECT DISTINCT f.seq, g.internal_id AS group_id FROM sync_staged s
      JOIN integration_mappings g ON g.integration_id = $1 AND g.entity_type = 'GROUP'
        AND g.external_id = s.external_id
      JOIN fresh f ON f.external_id = s.person_external_id
      WHERE ${RUN} AND s.kind = 'MEMBERSHIP' AND s.role = $4`,
    // Also by rows that this reading has not, or not yet.
    claims: `SELECT DISTINCT ON (id) id, external_id FROM (
        SELECT s.link_id AS id, s.external_id, 1 AS place FROM sync_staged s
        WHERE ${RUN} AND s.kind = 'ENTITY' AND s.link_id IS NOT NULL
        UNION ALL SELECT d.internal_id, d.external_id, 2 FROM sync_conflicts d
        LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4
          AND m.external_id = d.external_id
        WHERE d.integration_id = $1 AND d.entity_type = $4 AND d.resolution = 'LINK' AND m.internal_id IS NULL
      ) decided ORDER BY id, place, external_id`,
  });
  await database.execute(
    `INSERT INTO sync_candidates (seq, id, mapped_as, confidence, rule, is_own, contradicts) ${matches}`,
    [
      run.integrationId,
      run.id,
      run.institutionId,
      spec.entityType,
      conflict,
      link,
      reused.map(({ seq }) => seq),
      reused.map(({ mappedId }) => mappedId),
    ],
  );
}

/** Links a row to a single sure candidate whom nobody else claims, and whom the row does not contradict. */
async function linkSureCandidates(database: Database, run: SyncRun, confidence: number): Promise<void> {
  await database.execute(
    `UPDATE sync_staged s SET link_id = c.id FROM (${COUNTED}) c
     WHERE ${RUN} AND s.seq = c.seq AND c.mapped_as IS NULL AND c.confidence >= $3 AND c.of_row = 1
       AND c.of_person = 1
       AND c.contradicts IS NULL AND c.is_own IS NOT TRUE`,
    [run.integrationId, run.id, confidence],
  );
}

/** Makes conflicts of the rows that have candidates and are not linked. */
function keepDoubtfulOut(database: Database, run: SyncRun, spec: EntitySpec): Promise<PlannedConflict[]> {
  return keepOut(database, spec, {
    doubtful: `SELECT c.seq, ${REASON} AS reason,
        COALESCE(jsonb_agg(jsonb_build_object('internalId', c.id, 'confidence', c.confidence, 'rule', c.rule)
          ORDER BY c.confidence DESC, c.id)
          FILTER (WHERE c.place <= ${MAX_CANDIDATES} AND c.id IS NOT NULL), '[]') AS list
      FROM (${COUNTED}) c JOIN sync_staged s ON ${RUN} AND s.seq = c.seq AND s.kind = 'ENTITY'
        AND s.link_id IS NULL GROUP BY c.seq`,
    values: [run.integrationId, run.id, spec.entityType],
  });
}

/** Why a row is in doubt, from all its candidates. */
const REASON = `CASE
  WHEN max(c.broken) IS NOT NULL THEN max(c.broken)
  WHEN bool_or(c.is_own AND c.mapped_as = s.external_id) THEN 'has an id that may be re-used: its row has '
    || COALESCE(max(c.contradicts) FILTER (WHERE c.is_own) || ' than the person it is mapped to',
      'another name than the person it is mapped to, ' || CASE WHEN bool_or(${identifying('s.national_id')} IS NOT NULL)
        THEN 'and the national id of somebody else' ELSE 'whose national id another row has' END)
  WHEN max(c.mapped_as) IS NOT NULL THEN format('looks like the person with id "%s"', max(c.mapped_as))
  WHEN bool_or(c.is_own) THEN 'was linked to a person by a decision that no longer holds'
    || COALESCE(': its row has ' || max(c.contradicts) FILTER (WHERE c.is_own) || ' than that person', '')
  WHEN bool_or(c.of_person > 1) THEN 'looks like somebody whom another row looks like too'
  WHEN count(*) > 1 THEN format('may be any of %s people in the roster', count(*))
  WHEN max(c.contradicts) IS NOT NULL
    THEN format('may be somebody in the roster (same %s), but has %s', max(c.rule), max(c.contradicts))
  ELSE format('may be somebody in the roster (same %s)', max(c.rule)) END`;
