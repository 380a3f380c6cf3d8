import type { Database } from '../database/index.js';
import type { EntitySpec } from './entity-spec.js';
import { preferHashJoins } from './prefer-hash-joins.js';
import type { KnownDigests } from './stage/known-digests.js';
import type { Staged } from './stage.js';
import { nextValue, stagedValues, type ValueSql } from './staged-values.js';
import type { SyncRun } from './sync-run.js';

/** A row that the plan could not follow up. */
export interface Unresolved {
  file: string | null;
  line: number | null;
  externalId: string;
  /** The id it refers to. */
  reference: string;
  kind: 'course' | 'group' | 'student' | 'teacher';
}

export interface Planned {
  created: number;
  updated: number;
  missing: number;
  /** How many entities of this type have a mapping already. */
  mapped: number;
  memberships: { created: number; resolved: number };
  /** Groups whose course is not known: they come in without it. */
  unknownCourses: Unresolved[];
  /** Memberships whose group or person is not known: they are kept out. */
  unknownMembers: Unresolved[];
}

const RUN = 's.integration_id = $1 AND s.run_id = $2';

/**
 * The third room: joins what was staged with mappings and roster, and writes what has to change into sync_changes, with
 * the fields before and after. Rows whose digest is known go no further.
 */
export async function plan(database: Database, run: SyncRun, spec: EntitySpec, { provided, known }: Staged): Promise<Planned> {
  await preferHashJoins(database, run);
  const key = [run.integrationId, run.id];
  const { values, joins, changed } = entitySql(spec, provided);
  const before = jsonObject(values.map(({ field, column }) => [field, `t.${column}`]));
  const after = jsonObject(values.map((value) => [value.field, nextValue(value)]));
  await database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before, after)
     SELECT $1, $2, seq, $4, CASE WHEN before IS NULL THEN 'CREATE' ELSE 'UPDATE' END, internal_id, external_id, before, after
     FROM (
       SELECT s.seq, s.external_id, COALESCE(m.internal_id, gen_random_uuid()) AS internal_id,
         CASE WHEN t.id IS NOT NULL THEN ${before} END AS before, ${after} AS after
       FROM sync_staged s
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $4 AND m.external_id = s.external_id
       LEFT JOIN ${spec.table} t ON t.institution_id = $3 AND t.id = m.internal_id
       ${joins}
       WHERE ${RUN} AND s.kind = 'ENTITY' AND (t.id IS NULL OR m.digest IS DISTINCT FROM s.digest ${changed})
     ) compared
     WHERE before IS DISTINCT FROM after`,
    [...key, run.institutionId, spec.entityType],
  );
  const rows = await database.query<{ action: 'CREATE' | 'UPDATE'; count: number }>(
    'SELECT action, count(*)::int AS count FROM sync_changes WHERE integration_id = $1 AND run_id = $2 GROUP BY action',
    key,
  );
  const memberships = await planMemberships(database, run);
  return {
    created: rows.find(({ action }) => action === 'CREATE')?.count ?? 0,
    updated: rows.find(({ action }) => action === 'UPDATE')?.count ?? 0,
    ...(await countMissing(database, run, spec, known)),
    memberships: memberships.counts,
    unknownCourses: spec.table === 'groups' ? await findUnknownCourses(database, key) : [],
    unknownMembers: memberships.unknown,
  };
}

/** SQL for the values of an entity: those of its fields that the source has, and no others. */
function entitySql(spec: EntitySpec, provided: ReadonlySet<string>): { values: ValueSql[]; joins: string; changed: string } {
  const values = stagedValues(spec, provided);
  if (spec.table !== 'groups' || !provided.has('courseId')) return { values, joins: '', changed: '' };
  // A course that is not known yet leaves the group's course as it is; once it is known, the group changes although its
  // own row did not.
  const staged = 'CASE WHEN s.course_external_id IS NULL THEN NULL ELSE COALESCE(cm.internal_id, t.course_id) END';
  return {
    values: [...values, { field: 'courseId', column: 'course_id', staged, droppable: false }],
    joins: `LEFT JOIN integration_mappings cm
      ON cm.integration_id = $1 AND cm.entity_type = 'COURSE' AND cm.external_id = s.course_external_id`,
    changed: 'OR (cm.internal_id IS NOT NULL AND cm.internal_id IS DISTINCT FROM t.course_id)',
  };
}

async function planMemberships(database: Database, run: SyncRun) {
  const key = [run.integrationId, run.id];
  // A side is known by its mapping, or because this very run creates it.
  const side = (alias: string, type: string, id: string) => `
    LEFT JOIN integration_mappings ${alias} ON ${alias}.integration_id = $1 AND ${alias}.entity_type = ${type} AND ${alias}.external_id = ${id}
    LEFT JOIN sync_changes ${alias}c ON ${alias}.internal_id IS NULL AND ${alias}c.integration_id = $1 AND ${alias}c.run_id = $2
      AND ${alias}c.entity = ${type} AND ${alias}c.external_id = ${id}`;
  const resolved = `SELECT s.seq, s.file, s.line, s.external_id, s.person_external_id, s.role,
      COALESCE(g.internal_id, gc.internal_id) AS group_id, COALESCE(p.internal_id, pc.internal_id) AS person_id
    FROM sync_staged s ${side('g', `'GROUP'`, 's.external_id')} ${side('p', 's.role', 's.person_external_id')}
    WHERE ${RUN} AND s.kind = 'MEMBERSHIP'`;
  const created = await database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, after)
     SELECT $1, $2, r.seq, 'MEMBERSHIP', 'CREATE', r.person_id, r.external_id,
       jsonb_build_object('groupId', r.group_id, 'personId', r.person_id, 'role', r.role)
     FROM (SELECT DISTINCT ON (group_id, person_id, role) * FROM (${resolved}) all_rows
           WHERE group_id IS NOT NULL AND person_id IS NOT NULL ORDER BY group_id, person_id, role, seq) r
     LEFT JOIN memberships t ON t.institution_id = $3 AND t.group_id = r.group_id AND t.person_id = r.person_id AND t.role = r.role
     WHERE t.person_id IS NULL`,
    [...key, run.institutionId],
  );
  const unknown = await database.query<Unresolved>(
    `SELECT file, line, external_id AS "externalId",
       CASE WHEN group_id IS NULL THEN external_id ELSE person_external_id END AS reference,
       CASE WHEN group_id IS NULL THEN 'group' ELSE lower(role) END AS kind
     FROM (${resolved}) all_rows WHERE group_id IS NULL OR person_id IS NULL ORDER BY seq`,
    key,
  );
  const [count] = await database.query<{ total: number }>(
    `SELECT count(*)::int AS total FROM sync_staged s WHERE ${RUN} AND s.kind = 'MEMBERSHIP'`,
    key,
  );
  return { counts: { created, resolved: (count?.total ?? 0) - unknown.length }, unknown };
}

/** How many entities have a mapping, and how many of those the source did not speak of, not even in a row that was kept out. */
async function countMissing(database: Database, run: SyncRun, spec: EntitySpec, known: KnownDigests) {
  const [row] = await database.query<{ total: number; spoken: number; digests: Buffer | null }>(
    `SELECT count(*)::int AS total, (count(*) FILTER (WHERE spoken))::int AS spoken,
       string_agg(uuid_send(digest), ''::bytea) FILTER (WHERE spoken AND digest IS NOT NULL) AS digests
     FROM (
       SELECT m.digest, s.external_id IS NOT NULL OR i.external_id IS NOT NULL AS spoken FROM integration_mappings m
       LEFT JOIN (SELECT DISTINCT s.external_id FROM sync_staged s WHERE ${RUN} AND s.kind = 'ENTITY') s USING (external_id)
       LEFT JOIN (SELECT DISTINCT external_id COLLATE "C" AS external_id FROM sync_issues
                  WHERE integration_id = $1 AND run_id = $2 AND severity = 'ERROR') i USING (external_id)
       WHERE m.integration_id = $1 AND m.entity_type = $3) mapped`,
    [run.integrationId, run.id, spec.entityType],
  );
  const { total = 0, spoken = 0, digests } = row ?? {};
  let both = 0;
  for (let offset = 0; digests && offset < digests.length; offset += 16) {
    if (known.lineOf(digests.toString('hex', offset, offset + 16)) !== 0) both += 1;
  }
  return { mapped: total, missing: total - spoken - known.seen + both };
}

async function findUnknownCourses(database: Database, key: unknown[]): Promise<Unresolved[]> {
  return database.query<Unresolved>(
    `SELECT s.file, s.line, s.external_id AS "externalId", s.course_external_id AS reference, 'course' AS kind FROM sync_staged s
     LEFT JOIN integration_mappings cm
       ON cm.integration_id = $1 AND cm.entity_type = 'COURSE' AND cm.external_id = s.course_external_id
     WHERE ${RUN} AND s.kind = 'ENTITY' AND s.course_external_id IS NOT NULL AND cm.internal_id IS NULL ORDER BY s.seq`,
    key,
  );
}

function jsonObject(pairs: [field: string, expression: string][]): string {
  return `jsonb_build_object(${pairs.map(([field, expression]) => `'${field}', ${expression}`).join(', ')})`;
}
