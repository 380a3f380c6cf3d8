import type { Database } from '../../../database/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { isInDoubt } from '../sql/in-doubt.js';
import { lookUp } from '../sql/joins.js';
import type { Others } from '../sql/others.js';
import { RUN } from '../sql/run-sql.js';
import { earlierPlans } from './earlier-plans.js';
import type { Unresolved } from './plan-entities.js';
import { type EndedMemberships, planEnds } from './plan-membership-ends.js';

export interface PlannedMemberships extends EndedMemberships {
  created: number;
  /** Rows whose group and person are known. */
  resolved: number;
  /** Rows whose group or person is not known: they are kept out. */
  unknown: Unresolved[];
  /** Rows of people who are left out: a person decided so, or has to decide who they are. */
  leftOut: number;
}

export interface MembershipOptions {
  run: SyncRun;
  /** Whose memberships come with this entity type; undefined where none do. */
  role: 'STUDENT' | 'TEACHER' | undefined;
  policy: SyncPolicy;
  others: Others;
  /** Whether all entities were read that may hold memberships. */
  complete: boolean;
  /** Changes planned from here on are numbered after this. */
  lastSeq: number;
  /** How many entities of the run's type are mapped. */
  known: number;
}

/**
 * The membership rows of the run with the ids of their groups and people, null where nobody knows them. Of
 * the transaction under way alone, and analysed at once: what is joined with it is planned by how many there
 * are.
 */
async function resolveMemberships(
  database: Database,
  run: SyncRun,
  size: { rows: number; among: number },
): Promise<void> {
  await database.query('DROP TABLE IF EXISTS sync_memberships');
  await database.query(
    `CREATE TEMP TABLE sync_memberships (seq int, file text, line int, external_id text COLLATE "C", person_external_id text COLLATE "C",
       role text, group_id uuid, person_id uuid) ON COMMIT DROP`,
  );
  await lookUp(database, size, () => insertByMappings(database, run));
  await completeByPlans(database, run);
  await database.query('ANALYZE sync_memberships');
}

/** The rows, with the ids of those who are mapped. */
async function insertByMappings(database: Database, run: SyncRun): Promise<void> {
  await database.execute(
    `INSERT INTO sync_memberships
     SELECT s.seq, s.file, s.line, s.external_id, s.person_external_id, s.role, g.internal_id, p.internal_id
     FROM sync_staged s
     LEFT JOIN integration_mappings g ON g.integration_id = $1 AND g.entity_type = 'GROUP'
       AND g.external_id = s.external_id
     LEFT JOIN integration_mappings p ON p.integration_id = $1 AND p.entity_type = s.role
       AND p.external_id = s.person_external_id
     WHERE ${RUN} AND s.kind = 'MEMBERSHIP'`,
    [run.integrationId, run.id],
  );
}

/** Who is not mapped may be somebody whom this very run makes or links, or an earlier part of the same preview. */
async function completeByPlans(database: Database, run: SyncRun): Promise<void> {
  await database.execute(
    `UPDATE sync_memberships t SET group_id = made.group_id, person_id = made.person_id FROM (
       SELECT s.seq, COALESCE(s.group_id, g.internal_id) AS group_id,
         COALESCE(s.person_id, p.internal_id) AS person_id
       FROM sync_memberships s
       LEFT JOIN sync_changes g ON g.integration_id = $1 AND g.run_id = ANY($2::uuid[]) AND g.entity = 'GROUP'
         AND g.external_id = s.external_id AND g.action IN ('CREATE', 'LINK')
       LEFT JOIN sync_changes p ON p.integration_id = $1 AND p.run_id = ANY($2::uuid[]) AND p.entity = s.role
         AND p.external_id = s.person_external_id AND p.action IN ('CREATE', 'LINK')
       WHERE s.group_id IS NULL OR s.person_id IS NULL
     ) made WHERE t.seq = made.seq`,
    [run.integrationId, await earlierPlans(database, run)],
  );
}

/** Plans who enters which group, and who leaves. */
export async function planMemberships(
  database: Database,
  options: MembershipOptions,
): Promise<PlannedMemberships> {
  const { run, role, complete, known } = options;
  const none = {
    created: 0,
    resolved: 0,
    deleted: 0,
    unknown: [],
    leftOut: 0,
    present: 0,
    current: 0,
    currentEnding: 0,
    members: 0,
    membersLeaving: 0,
  };
  // A list that is said to be no more ends those that it brought; a source that has no word of them does not.
  if (run.membershipCounts.read === 0 && !run.evidence.memberships.none) return none;
  const size = { rows: run.membershipCounts.read, among: known };
  await resolveMemberships(database, run, size);
  const leftOut = await leaveOut(database, run);
  const created = await lookUp(database, size, () => insertBegins(database, run));
  const unknown = await findUnknown(database);
  const [count] = await database.query<{ total: number }>(
    'SELECT count(*)::int AS total FROM sync_memberships',
  );
  const planned = { ...none, created, resolved: (count?.total ?? 0) - unknown.length, unknown, leftOut };
  const { gaps } = run.evidence.memberships;
  // A row that cannot be understood may be the very one that is missing.
  if (unknown.length > 0 && role && (await hasMemberships(database, run, role)))
    gaps.push(unknownRows(unknown.length));
  if (!role || !complete || gaps.length > 0) return planned;
  return { ...planned, ...(await planEnds(database, { ...options, role })) };
}

/** Plans the memberships that are not there yet; returns how many. */
async function insertBegins(database: Database, run: SyncRun): Promise<number> {
  return database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, line,
      after)
     SELECT $1, $2, r.seq, 'MEMBERSHIP', 'CREATE', r.person_id, r.external_id, r.line,
       jsonb_build_object('groupId', r.group_id, 'personId', r.person_id, 'role', r.role)
     FROM (SELECT DISTINCT ON (group_id, person_id, role) * FROM sync_memberships
           WHERE group_id IS NOT NULL AND person_id IS NOT NULL ORDER BY group_id, person_id, role, seq) r
     LEFT JOIN memberships t ON t.institution_id = $3 AND t.group_id = r.group_id
       AND t.person_id = r.person_id AND t.role = r.role
     WHERE t.person_id IS NULL`,
    [run.integrationId, run.id, run.institutionId],
  );
}

/** Rows whose group or person nobody knows. */
async function findUnknown(database: Database): Promise<Unresolved[]> {
  return database.query<Unresolved>(
    `SELECT file, line, external_id AS "externalId",
       CASE WHEN group_id IS NULL THEN external_id ELSE person_external_id END AS reference,
       CASE WHEN group_id IS NULL THEN 'group' ELSE lower(role) END AS kind
     FROM sync_memberships WHERE group_id IS NULL OR person_id IS NULL ORDER BY seq`,
  );
}

/** Whether there are any by this source: else none can end. */
async function hasMemberships(database: Database, run: SyncRun, role: string): Promise<boolean> {
  const found = await database.query(
    'SELECT 1 FROM memberships WHERE institution_id = $2 AND integration_id = $1 AND role = $3 LIMIT 1',
    [run.integrationId, run.institutionId, role],
  );
  return found.length > 0;
}

function unknownRows(count: number): string {
  return `${count} ${count === 1 ? 'membership names' : 'memberships name'} a group or a person that is not known.`;
}

/**
 * Takes rows out whose person is left out by decision, or waits for one: what they say is known, only who the
 * person is is not. That holds for a mapped id that may be re-used, too: its rows may be those of somebody else.
 * Returns how many.
 */
function leaveOut(database: Database, run: SyncRun): Promise<number> {
  return database.execute(
    `DELETE FROM sync_memberships s USING sync_conflicts d
     WHERE d.integration_id = $1 AND d.entity_type = s.role AND d.external_id = s.person_external_id
       AND (d.resolution = 'IGNORE' AND s.person_id IS NULL
         OR s.group_id IS NOT NULL AND ${isInDoubt('d', 's.person_id')})`,
    [run.integrationId],
  );
}
