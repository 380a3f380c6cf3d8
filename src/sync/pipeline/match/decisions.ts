import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { decisionsOf } from '../../conflicts/former-decision.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { RUN } from '../sql/run-sql.js';
import { decisionHolds, isAnotherThanMerged } from './contradiction.js';
import { type PlannedConflict, recordColumns } from './keep-out.js';
import { findIdsInstead } from './merged-ids.js';

/**
 * Carries out what a person decided about rows that say the same as then (`decisionHolds`). Sets `link_id` of
 * a row that was linked; leaves out a row that was ignored. Returns the rows that stay out.
 */
export async function followDecisions(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
): Promise<PlannedConflict[]> {
  const ignored = await leaveIgnoredOut(database, run, spec);
  await linkDecided(database, run, spec);
  return ignored;
}

/**
 * The id of a merge, which has whom it was merged into, may be used again, or be the only one that the source has of
 * the person: then its row is looked at as any other.
 */
async function leaveIgnoredOut(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
): Promise<PlannedConflict[]> {
  const instead = await findIdsInstead(database, run, spec);
  return database.query<PlannedConflict>(
    `WITH ignored AS MATERIALIZED (
       SELECT d.external_id, d.internal_id, d.record, ${recordColumns(spec, 'd')} FROM ${decisionsOf('$1', '$3')} d
       WHERE d.resolution = 'IGNORE'
         AND d.external_id <> ALL($4::text[]) AND NOT EXISTS (
           SELECT 1 FROM integration_mappings m
             WHERE m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = d.external_id))
     UPDATE sync_staged s SET kind = 'KEPT_OUT' FROM ignored d
      WHERE ${RUN} AND s.kind = 'ENTITY' AND d.external_id = s.external_id
       AND CASE WHEN d.internal_id IS NULL THEN ${decisionHolds('s', 'd')}
         ELSE NOT ${isAnotherThanMerged(spec, 's', 'd')} END
     ${RETURNING}`,
    [run.integrationId, run.id, spec.entityType, instead],
  );
}

/** Leaves out rows that contradict whom their id is mapped to, and that a person said to ignore for that. */
export async function leaveReusedOut(
  database: Database,
  run: SyncRun,
  seqs: readonly number[],
): Promise<PlannedConflict[]> {
  if (seqs.length === 0) return [];
  return database.query<PlannedConflict>(
    `UPDATE sync_staged s SET kind = 'KEPT_OUT'
      WHERE ${RUN} AND s.kind = 'ENTITY' AND s.seq = ANY($3::int[]) ${RETURNING}`,
    [run.integrationId, run.id, seqs],
  );
}

const RETURNING = `RETURNING s.seq, s.external_id AS "externalId", s.line, 'is left out, as a person decided' AS reason`;

async function linkDecided(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  await database.execute(
    `WITH ${linksOf(spec)}
     UPDATE sync_staged s SET link_id = l.internal_id FROM links l
       WHERE ${RUN} AND s.seq = l.seq AND l.nth = 1`,
    [run.integrationId, run.id, spec.entityType, run.institutionId],
  );
}

/**
 * Notes in sync_candidates why rows that a person linked cannot be: the person is gone from the roster, mapped to another
 * id, or linked to another row by an earlier decision. Their rows are conflicts again, whoever else they look like.
 */
export async function noteBrokenLinks(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  const values = [run.integrationId, run.id, spec.entityType, run.institutionId];
  const broken = `SELECT *, CASE WHEN NOT is_there THEN 'was linked to somebody who is no longer in the roster'
      WHEN mapped_as IS NOT NULL THEN format('was linked to the person with id "%s"', mapped_as)
      ELSE format('was linked to the person whom "%s" is linked to', first_id) END AS reason
    FROM links WHERE nth IS DISTINCT FROM 1 AND holds`;
  await database.execute(
    `WITH ${linksOf(spec)}
     UPDATE sync_candidates c SET broken = l.reason FROM (${broken}) l
       WHERE c.seq = l.seq AND c.id = l.internal_id`,
    values,
  );
  await database.execute(
    `WITH ${linksOf(spec)}
     INSERT INTO sync_candidates (seq, rule, is_own, broken)
       SELECT seq, 'decision', true, reason FROM (${broken}) l WHERE NOT is_there`,
    values,
  );
}

/**
 * The rows that a person linked, as `links`; `nth` is 1 for the one that has its person, more where an
 * earlier decision has the person, and null where the person cannot be linked at all, or by this decision.
 */
function linksOf(spec: EntitySpec): string {
  return `decided AS MATERIALIZED (
      SELECT s.seq, s.external_id, d.internal_id, d.resolved_at, t.id IS NOT NULL AS is_there,
        im.external_id AS mapped_as, ${decisionHolds('s', 'd')} AS holds
      FROM ${decisionsOf('$1', '$3')} d
      JOIN sync_staged s ON ${RUN} AND s.kind = 'ENTITY' AND s.external_id = d.external_id
      LEFT JOIN integration_mappings em ON em.integration_id = $1 AND em.entity_type = $3
        AND em.external_id = d.external_id
      LEFT JOIN integration_mappings im ON im.integration_id = $1 AND im.entity_type = $3
        AND im.internal_id = d.internal_id
      LEFT JOIN ${spec.table} t ON t.institution_id = $4 AND t.id = d.internal_id AND t.merged_into IS NULL
      WHERE d.resolution = 'LINK' AND em.internal_id IS NULL
    ), links AS (
      SELECT *, CASE WHEN is_there AND mapped_as IS NULL AND holds THEN row_number() OVER earliest END AS nth,
        first_value(external_id) OVER earliest AS first_id
      FROM decided WINDOW earliest AS (PARTITION BY internal_id, is_there, mapped_as,
        holds ORDER BY resolved_at, external_id))`;
}
