import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { RUN } from '../sql/run-sql.js';

/**
 * Links new courses and groups of the source to those of the roster that no integration of the institution
 * maps: left there by an integration that was deleted, or put there by a backend. Of these, one is the same
 * when its name is, when code and term do not differ, when it is active as the row is, and, for a group, when
 * it is of the same course. Where several rows or several entities would fit, none is linked.
 */
export async function linkUnmapped(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  if (spec.table !== 'courses' && spec.table !== 'groups') return;
  const integrations = await database.query<{ id: string }>(
    'SELECT id FROM integrations WHERE institution_id = $1',
    [run.institutionId],
  );
  const isGroup = spec.table === 'groups';
  const course = `LEFT JOIN integration_mappings cm
    ON cm.integration_id = $1 AND cm.entity_type = 'COURSE' AND cm.external_id = s.course_external_id`;
  // A course that is not known yet contradicts nothing.
  const sameCourse = `AND (r.course_id IS NOT DISTINCT FROM f.course_id OR (f.course_id IS NULL AND f.course_external_id IS NOT NULL))`;
  // Of the two sides that are joined by name the database knows no sizes.
  const [before] = await database.query<{ nestloop: string }>(
    `SELECT current_setting('enable_nestloop') AS nestloop`,
  );
  await database.query('SET LOCAL enable_nestloop = off');
  await database.execute(
    `WITH fresh AS MATERIALIZED (
       SELECT s.seq, lower(s.name) AS name, s.code, s.academic_term, s.active
         ${isGroup ? ', s.course_external_id, cm.internal_id AS course_id' : ''}
       FROM sync_staged s
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4
         AND m.external_id = s.external_id
       ${isGroup ? course : ''}
       WHERE ${RUN} AND s.kind = 'ENTITY' AND m.internal_id IS NULL AND s.link_id IS NULL
     ), mapped AS MATERIALIZED (
       SELECT internal_id FROM integration_mappings
         WHERE integration_id = ANY($5::uuid[]) AND entity_type = $4
     ), unmapped AS MATERIALIZED (
       SELECT t.id, lower(t.name) AS name, t.code, t.academic_term, t.active ${isGroup ? ', t.course_id' : ''}
       FROM ${spec.table} t LEFT JOIN mapped ON mapped.internal_id = t.id
       WHERE t.institution_id = $3 AND t.merged_into IS NULL AND mapped.internal_id IS NULL
     ), pairs AS (
       SELECT f.seq, r.id, count(*) OVER (PARTITION BY f.seq) AS of_row,
         count(*) OVER (PARTITION BY r.id) AS of_entity
       FROM fresh f JOIN unmapped r ON r.name = f.name
       WHERE r.active = COALESCE(f.active, true) AND (f.code IS NULL OR r.code IS NULL OR f.code = r.code)
         AND (f.academic_term IS NULL OR r.academic_term IS NULL OR f.academic_term = r.academic_term)
         ${isGroup ? sameCourse : ''}
     )
     UPDATE sync_staged s SET link_id = p.id FROM pairs p
       WHERE ${RUN} AND s.seq = p.seq AND p.of_row = 1 AND p.of_entity = 1`,
    [run.integrationId, run.id, run.institutionId, spec.entityType, integrations.map(({ id }) => id)],
  );
  await database.query(`SET LOCAL enable_nestloop = ${before?.nestloop === 'off' ? 'off' : 'on'}`);
}
