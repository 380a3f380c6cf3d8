import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { type EntityColumn, entityColumns } from '../sql/entity-columns.js';
import { jsonObject, RUN } from '../sql/run-sql.js';
import { earlierPlans } from './earlier-plans.js';

/** A row that the plan could not follow up. */
export interface Unresolved {
  file: string | null;
  line: number | null;
  externalId: string;
  /** The id it refers to. */
  reference: string;
  kind: 'course' | 'group' | 'student' | 'teacher';
}

/**
 * Joins what was staged with mappings and roster, and writes what has to change into sync_changes, with the
 * fields before and after. A row of somebody who is not mapped yet makes a new entity, or is linked to who
 * was found for it.
 */
export async function planEntities(
  database: Database,
  options: {
    run: SyncRun;
    spec: EntitySpec;
    provided: ReadonlySet<string>;
    policy: SyncPolicy;
    hasDropped: boolean;
  },
): Promise<void> {
  const { run, spec, provided, policy, hasDropped } = options;
  const columns = entityColumns(spec).filter(({ field }) => field === 'active' || provided.has(field));
  const before = jsonObject(columns.map(({ field, column }) => [field, `t.${column}`]));
  const after = jsonObject(
    columns.map((column) => [column.field, nextValue(column, policy.fields[spec.entityType], hasDropped)]),
  );
  const refersToCourse = columns.some(({ field }) => field === 'courseId');
  const course = `LEFT JOIN (${coursesKnownTo('$5')}) cm ON cm.external_id = s.course_external_id`;
  // Once its course is known a group changes, although its own row did not.
  const courseCame = 'OR (cm.internal_id IS NOT NULL AND cm.internal_id IS DISTINCT FROM t.course_id)';
  await database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before,
      after, digest,
       line, missing_before, missing_after)
     SELECT $1, $2, seq, $4,
       CASE WHEN before IS NULL THEN 'CREATE' WHEN unmapped THEN 'LINK' WHEN missing_runs > 0 THEN 'RESTORE'
         WHEN before->'active' = 'true' AND after->'active' = 'false' THEN 'DEACTIVATE' ELSE 'UPDATE' END,
       internal_id, external_id, before, after, digest,
       line, CASE WHEN missing_runs > 0 THEN missing_runs END, CASE WHEN missing_runs > 0 THEN 0 END
     FROM (
       SELECT s.seq, s.external_id, s.digest, s.line, m.internal_id IS NULL AS unmapped, m.missing_runs,
         COALESCE(m.internal_id, s.link_id, gen_random_uuid()) AS internal_id,
         CASE WHEN t.id IS NOT NULL THEN ${before} END AS before, ${after} AS after
       FROM sync_staged s
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4
         AND m.external_id = s.external_id
       LEFT JOIN ${spec.table} t ON t.institution_id = $3 AND t.id = COALESCE(m.internal_id, s.link_id)
       ${refersToCourse ? course : ''}
       WHERE ${RUN} AND s.kind = 'ENTITY'
         AND (t.id IS NULL OR s.digest IS NULL OR m.digest IS DISTINCT FROM s.digest
         ${refersToCourse ? courseCame : ''})
     ) compared
     WHERE before IS DISTINCT FROM after OR unmapped OR missing_runs > 0`,
    [
      run.integrationId,
      run.id,
      run.institutionId,
      spec.entityType,
      ...(refersToCourse ? [await earlierPlans(database, run)] : []),
    ],
  );
}

/** The value as it shall be in a roster row `t` that may be there already. */
function nextValue(
  { field, column, staged, droppable }: EntityColumn,
  policies: SyncPolicy['fields']['STUDENT'],
  hasDropped: boolean,
): string {
  const policy = policies[field as keyof typeof policies] ?? 'SOURCE';
  const keep: string[] = [];
  // What a warning dropped says nothing.
  if (droppable && hasDropped) {
    // Who was away is back, and not inactive for having been away.
    const isBack = field === 'active' ? ' AND COALESCE(m.missing_runs, 0) = 0' : '';
    keep.push(`'${field}' = ANY(s.dropped)${isBack}`);
  }
  if (policy === 'SMARTID') keep.push(`'${field}' = ANY(t.edited)`);
  if (policy === 'FILL') keep.push(`COALESCE(t.${column}::text, '') <> ''`);
  const isUnknown = `t.id IS NOT NULL AND 'active' = ANY(s.dropped)`;
  const told =
    field === 'active' && hasDropped ? `CASE WHEN ${isUnknown} THEN true ELSE ${staged} END` : staged;
  return keep.length > 0
    ? `CASE WHEN t.id IS NOT NULL AND (${keep.join(' OR ')}) THEN t.${column} ELSE ${told} END`
    : told;
}

/** Groups whose course is not known: they come in without it. */
export async function findUnknownCourses(database: Database, run: SyncRun): Promise<Unresolved[]> {
  return database.query<Unresolved>(
    `SELECT s.file, s.line, s.external_id AS "externalId", s.course_external_id AS reference, 'course' AS kind
      FROM sync_staged s
     LEFT JOIN (${coursesKnownTo('$3')}) cm ON cm.external_id = s.course_external_id
     WHERE ${RUN} AND s.kind = 'ENTITY' AND s.course_external_id IS NOT NULL AND cm.internal_id IS NULL
       ORDER BY s.seq`,
    [run.integrationId, run.id, await earlierPlans(database, run)],
  );
}

/**
 * Courses by their external ids: those that are mapped, and those that plans whose runs are a parameter
 * bring.
 */
function coursesKnownTo(plans: string): string {
  return `SELECT external_id, internal_id FROM integration_mappings
    WHERE integration_id = $1 AND entity_type = 'COURSE'
    UNION SELECT c.external_id, c.internal_id FROM sync_changes c
    WHERE c.integration_id = $1 AND c.run_id = ANY(${plans}::uuid[]) AND c.entity = 'COURSE'
      AND c.action IN ('CREATE', 'LINK')`;
}
