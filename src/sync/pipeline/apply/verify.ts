import { positionOf } from '../../../changes/index.js';
import type { Database } from '../../../database/index.js';
import { ENTITY_SPECS, type EntitySpec } from '../../../roster/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { markMatchedCreates } from '../match/index.js';
import { rowObject, stillHas } from '../sql/entity-columns.js';
import { lookUp } from '../sql/joins.js';
import { markHeld } from './mark-held.js';
import { GOOD, has, outcomeOf, type PlanSizes } from './plan-sizes.js';
import { markMovedRekeys } from './rekey-mappings.js';

/** How many changes are left out because they no longer fit. */
export interface Verdict {
  entities: number;
  memberships: number;
}

/**
 * Compares a plan, whoever made it and whenever, with what is there now. Changes that no longer fit are left
 * out and say why: MOVED, or REFUSED where a rollback would undo somebody's work. Call it under the
 * institution's lock to apply. `drafted`: all its entities are drafts of this attempt.
 */
export async function verify(
  database: Database,
  run: SyncRun,
  { sizes, policy, drafted }: { sizes: PlanSizes; policy?: SyncPolicy; drafted?: boolean | undefined },
): Promise<Verdict> {
  let entities = 0;
  const hasMoved = (await positionOf(database, run.institutionId)) !== run.plannedPosition;
  for (const spec of Object.values(ENTITY_SPECS)) {
    const type = spec.entityType;
    if (has(sizes, type, 'UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING', 'LINK', 'UNLINK', 'DELETE')) {
      entities += await markMoved(database, run, spec, sizes);
    }
    if (has(sizes, type, 'DEACTIVATE') || (run.rollsBack && has(sizes, type, 'UPDATE', 'UNLINK')))
      entities += await markHeld(database, run, spec);
    entities += await markMovedRekeys(database, run, spec, sizes);
    if (run.rollsBack && has(sizes, type, 'CREATE')) entities += await markBroughtBack(database, run, spec);
    if (has(sizes, type, 'CREATE', 'LINK')) {
      entities += await lookUp(database, sizes, () => markTaken(database, run, spec));
      if (!run.rollsBack && !drafted) entities += await markDoubted(database, run, spec);
      // Drafts have ids of their own, and their rows were looked through for duplicates.
      if (!run.rollsBack && !drafted) entities += await markClaimedTwice(database, run, spec);
    }
    // Nobody new can be somebody who came meanwhile. What a rollback brings back was there before.
    if (policy && hasMoved && !run.rollsBack && has(sizes, type, 'CREATE')) {
      entities += await markMatchedCreates(database, { run, spec, policy });
    }
    if (spec.table === 'groups' && has(sizes, type, 'CREATE', 'UPDATE', 'LINK', 'RESTORE')) {
      entities += await markWithoutCourse(database, run);
    }
  }
  const memberships = (await markEnded(database, run, sizes)) + (await markEndless(database, run, sizes));
  // Who is in a group by a membership that ends in this plan is not in use by it: so after the memberships.
  for (const spec of Object.values(ENTITY_SPECS)) {
    if (has(sizes, spec.entityType, 'DELETE')) entities += await refuseInUse(database, run, spec);
  }
  return { entities, memberships };
}

/** Changes of somebody who is not as the plan saw him or her. The plan then shows what is there now. */
async function markMoved(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
  sizes: PlanSizes,
): Promise<number> {
  const changed = run.rollsBack
    ? 'It was changed since.'
    : 'It was changed in the roster after the plan was made.';
  const remapped = run.rollsBack
    ? 'Its mapping was changed since.'
    : 'Its mapping was changed after the plan was made.';
  const moved = `SELECT c.seq, CASE WHEN t.id IS NULL THEN 'It is no longer in the roster.'
           WHEN t.merged_into IS NOT NULL THEN 'It was merged into another.'
           WHEN NOT ${stillHas(spec, 'c.before')} THEN '${changed}'
           ELSE '${remapped}' END AS reason,
         (SELECT jsonb_object_agg(key, value) FROM jsonb_each(${rowObject(spec)}) WHERE c.before ? key) AS now
       FROM sync_changes c
       LEFT JOIN ${spec.table} t ON t.institution_id = $3 AND t.id = c.internal_id
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4
         AND m.external_id = c.external_id
       WHERE ${GOOD} AND c.entity = $4
         AND c.action IN ('UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING', 'LINK', 'UNLINK', 'DELETE')
         AND (t.id IS NULL OR t.merged_into IS NOT NULL OR NOT ${stillHas(spec, 'c.before')}
           OR (c.action <> 'LINK' AND m.internal_id IS DISTINCT FROM c.internal_id)
           OR (c.missing_before IS NOT NULL AND m.missing_runs <> c.missing_before))`;
  const values = [run.integrationId, run.id, run.institutionId, spec.entityType];
  const any = await lookUp(database, sizes, () =>
    database.query(`SELECT seq FROM (${moved}) moved LIMIT 1`, values),
  );
  if (any.length === 0) return 0;
  return database.execute(
    `UPDATE sync_changes x SET outcome = '${outcomeOf(run)}', before = COALESCE(moved.now, x.before), reason = moved.reason
     FROM (${moved}) moved WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = moved.seq`,
    values,
  );
}

/** Whom a rollback would bring back, and who is there: another rollback was first. */
function markBroughtBack(database: Database, run: SyncRun, spec: EntitySpec): Promise<number> {
  return database.execute(
    `UPDATE sync_changes c SET outcome = '${outcomeOf(run)}', reason = 'It is in the roster again.'
     FROM ${spec.table} t
     WHERE ${GOOD} AND c.entity = $3 AND c.action = 'CREATE'
       AND t.institution_id = $4 AND t.id = c.internal_id`,
    [run.integrationId, run.id, spec.entityType, run.institutionId],
  );
}

/** New mappings of which one of the two ids has a mapping meanwhile. */
async function markTaken(database: Database, run: SyncRun, spec: EntitySpec): Promise<number> {
  const [any] = await database.query(
    'SELECT 1 FROM integration_mappings WHERE integration_id = $1 AND entity_type = $2 LIMIT 1',
    [run.integrationId, spec.entityType],
  );
  if (!any) return 0;
  return database.execute(
    `UPDATE sync_changes x SET outcome = '${outcomeOf(run)}', reason = 'It was mapped in another way after the plan was made.' FROM (
       SELECT c.seq FROM sync_changes c
       LEFT JOIN integration_mappings e ON e.integration_id = $1 AND e.entity_type = $3 AND e.external_id = c.external_id
       LEFT JOIN integration_mappings i ON i.integration_id = $1 AND i.entity_type = $3 AND i.internal_id = c.internal_id
       WHERE ${GOOD} AND c.entity = $3 AND c.action IN ('CREATE', 'LINK')
         AND (e.internal_id <> c.internal_id OR i.external_id <> c.external_id
           OR (c.action = 'LINK' AND e.internal_id IS NOT NULL))
     ) taken WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = taken.seq`,
    [run.integrationId, run.id, spec.entityType],
  );
}

/** New mappings of ids about which a later reading asks a person. */
async function markDoubted(database: Database, run: SyncRun, spec: EntitySpec): Promise<number> {
  return database.execute(
    `UPDATE sync_changes c SET outcome = 'MOVED', reason = 'A later reading has a row of which a person is to say who it is.'
     FROM sync_conflicts d
     WHERE ${GOOD} AND c.entity = $3 AND c.action IN ('CREATE', 'LINK') AND d.integration_id = $1
       AND d.entity_type = $3 AND d.external_id = c.external_id AND d.resolution IS NULL`,
    [run.integrationId, run.id, spec.entityType],
  );
}

/**
 * One person stands for one row, and one row for one person: of two changes that say otherwise the first
 * counts.
 */
async function markClaimedTwice(database: Database, run: SyncRun, spec: EntitySpec): Promise<number> {
  const claims = `FROM sync_changes c WHERE ${GOOD} AND c.entity = $3 AND c.action IN ('CREATE', 'LINK')`;
  const values = [run.integrationId, run.id, spec.entityType];
  // To number the claims of each means to sort them all: that is done where there are two of the same.
  const twice = (column: string) => `EXISTS (SELECT 1 ${claims} GROUP BY ${column} HAVING count(*) > 1)`;
  const [look] = await database.query<{ any: boolean }>(
    `SELECT ${twice('c.internal_id')} OR ${twice('c.external_id')} AS any`,
    values,
  );
  if (!look?.any) return 0;
  return database.execute(
    `UPDATE sync_changes x SET outcome = 'MOVED', reason = 'Another row of the same plan stands for this one.'
      FROM (
       SELECT c.seq, row_number() OVER (PARTITION BY c.internal_id ORDER BY c.seq) AS of_person,
         row_number() OVER (PARTITION BY c.external_id ORDER BY c.seq) AS of_row ${claims}
     ) claims WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = claims.seq
       AND (claims.of_person > 1 OR claims.of_row > 1)`,
    values,
  );
}

/** Groups of a course that is not in the roster. */
async function markWithoutCourse(database: Database, run: SyncRun): Promise<number> {
  return database.execute(
    `WITH referring AS MATERIALIZED (
       SELECT c.seq, (c.after->>'courseId')::uuid AS course_id FROM sync_changes c
       WHERE ${GOOD} AND c.entity = 'GROUP' AND c.after->>'courseId' IS NOT NULL
     ), lost AS (
       SELECT referring.seq FROM referring
       LEFT JOIN courses t ON t.institution_id = $3 AND t.id = referring.course_id WHERE t.id IS NULL)
     UPDATE sync_changes x SET outcome = '${outcomeOf(run)}', reason = 'Its course is not in the roster.' FROM lost
     WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = lost.seq`,
    [run.integrationId, run.id, run.institutionId],
  );
}

/** Memberships that the plan ends and that have ended already. */
async function markEnded(database: Database, run: SyncRun, sizes: PlanSizes): Promise<number> {
  if (!has(sizes, 'MEMBERSHIP', 'DELETE')) return 0;
  return database.execute(
    `WITH going AS MATERIALIZED (
       SELECT c.seq, (c.before->>'groupId')::uuid AS group_id, c.internal_id AS person_id,
         c.before->>'role' AS role
       FROM sync_changes c WHERE ${GOOD} AND c.entity = 'MEMBERSHIP' AND c.action = 'DELETE'
     ), ended AS (
       SELECT going.seq FROM going
       LEFT JOIN memberships t ON t.institution_id = $3 AND t.group_id = going.group_id
         AND t.person_id = going.person_id
         AND t.role = going.role
       WHERE t.person_id IS NULL)
     UPDATE sync_changes x SET outcome = '${outcomeOf(run)}', reason = 'It has ended since.' FROM ended
     WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = ended.seq`,
    [run.integrationId, run.id, run.institutionId],
  );
}

/**
 * Memberships that begin without their group or their person: neither is in the roster, nor does this plan
 * bring it.
 */
async function markEndless(database: Database, run: SyncRun, sizes: PlanSizes): Promise<number> {
  if (!has(sizes, 'MEMBERSHIP', 'CREATE')) return 0;
  const coming = (entities: string) =>
    `SELECT c.entity, c.internal_id FROM sync_changes c
      WHERE ${GOOD} AND c.entity IN (${entities}) AND c.action = 'CREATE'`;
  return database.execute(
    `WITH coming AS MATERIALIZED (
       SELECT c.seq, (c.after->>'groupId')::uuid AS group_id, (c.after->>'personId')::uuid AS person_id,
         c.after->>'role' AS role
       FROM sync_changes c WHERE ${GOOD} AND c.entity = 'MEMBERSHIP' AND c.action = 'CREATE'
     ), places AS (
       SELECT id FROM groups WHERE institution_id = $3 AND merged_into IS NULL UNION SELECT internal_id
         FROM (${coming(`'GROUP'`)}) c
     ), people AS (
       SELECT 'STUDENT' AS role, id FROM students WHERE institution_id = $3 AND merged_into IS NULL
       UNION SELECT 'TEACHER', id FROM teachers WHERE institution_id = $3 AND merged_into IS NULL
       UNION SELECT entity, internal_id FROM (${coming(`'STUDENT', 'TEACHER'`)}) c
     ), endless AS (
       SELECT coming.seq, CASE WHEN places.id IS NULL THEN 'The group is not in the roster.'
         ELSE 'The person is not in the roster.' END AS reason
       FROM coming
       LEFT JOIN places ON places.id = coming.group_id
       LEFT JOIN people ON people.id = coming.person_id AND people.role = coming.role
       WHERE places.id IS NULL OR people.id IS NULL)
     UPDATE sync_changes x SET outcome = '${outcomeOf(run)}', reason = endless.reason FROM endless
     WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = endless.seq`,
    [run.integrationId, run.id, run.institutionId],
  );
}

/** Whoever came with the run that is taken back and is needed by others now stays. */
async function refuseInUse(database: Database, run: SyncRun, spec: EntitySpec): Promise<number> {
  const stillIn = (column: string) => `SELECT o.${column} AS id FROM memberships o
    LEFT JOIN ending e ON e.person_id = o.person_id AND e.group_id = o.group_id AND e.role = o.role
    WHERE o.institution_id = $3 AND e.person_id IS NULL`;
  const inSession = (column: string) =>
    `SELECT l.${column} FROM class_sessions l WHERE l.institution_id = $3`;
  const uses: Record<EntitySpec['table'], string[]> = {
    students: [
      'SELECT a.student_id AS id FROM attendance_records a WHERE a.institution_id = $3',
      stillIn('person_id'),
    ],
    teachers: [inSession('teacher_id AS id'), stillIn('person_id')],
    groups: [inSession('group_id AS id'), stillIn('group_id')],
    courses: [inSession('course_id AS id'), 'SELECT g.course_id FROM groups g WHERE g.institution_id = $3'],
  };
  return database.execute(
    `WITH going AS MATERIALIZED (
       SELECT c.seq, c.internal_id FROM sync_changes c WHERE ${GOOD} AND c.entity = $4 AND c.action = 'DELETE'
     ), ending AS MATERIALIZED (
       SELECT c.internal_id AS person_id, (c.before->>'groupId')::uuid AS group_id, c.before->>'role' AS role
       FROM sync_changes c WHERE ${GOOD} AND c.entity = 'MEMBERSHIP' AND c.action = 'DELETE'
     ), used AS (
       ${uses[spec.table].join(' UNION ')}
       UNION SELECT m.internal_id FROM integrations i
         JOIN integration_mappings m ON m.integration_id = i.id AND m.entity_type = $4
       WHERE i.institution_id = $3 AND i.id <> $1
       UNION SELECT d.merged_into FROM ${spec.table} d
         WHERE d.institution_id = $3 AND d.merged_into IS NOT NULL)
     UPDATE sync_changes x SET outcome = 'REFUSED',
       reason = 'It is in use: lessons, marks, groups or another integration refer to it.'
     FROM going JOIN used ON used.id = going.internal_id
     WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = going.seq`,
    [run.integrationId, run.id, run.institutionId, spec.entityType],
  );
}
