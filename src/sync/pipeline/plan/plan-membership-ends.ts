import type { Database } from '../../../database/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { isInDoubt } from '../sql/in-doubt.js';
import { graceOf, hasLetGo, heldByOthers, type Others, valuesOf } from '../sql/others.js';
import { earlierPlans } from './earlier-plans.js';
import { keepEmptiedGroups } from './emptied-groups.js';

export interface EndedMemberships {
  deleted: number;
  /**
   * Memberships that this source brought, of people and groups that are not missing: counted where some of
   * them end.
   */
  present: number;
  /** Those of them whose group and person are active, and how many of these end. */
  current: number;
  currentEnding: number;
  /** Active people who are in active groups by them, and how many of them the plan leaves in none. */
  members: number;
  membersLeaving: number;
}

export interface EndOptions {
  run: SyncRun;
  role: 'STUDENT' | 'TEACHER';
  policy: SyncPolicy;
  others: Others;
  /** Changes planned from here on are numbered after this. */
  lastSeq: number;
}

type Impact = Omit<EndedMemberships, 'deleted'>;

/** What the ends of memberships are planned by: `plans` are this run and those it goes on from. */
interface Ends extends EndOptions {
  plans: readonly string[];
}

/**
 * Memberships that this source brought and has no longer, of people and groups that it still has or has again:
 * of those who are gone themselves the last state is kept, and of those of whom a person has yet to say whether they
 * still have their id. Those end, too, of whom the source has let go and who stay active because another integration
 * has them.
 */
export async function planEnds(database: Database, options: EndOptions): Promise<Partial<EndedMemberships>> {
  const ends = { ...options, plans: await earlierPlans(database, options.run) };
  const deleted = await insertEnds(database, ends);
  if (deleted === 0) {
    options.run.evidence.memberships.emptied = [];
    return { deleted };
  }
  const impact = await countEnds(database, ends);
  // What is too much in any case, a person looks at.
  if (impact && isTooMuch(options, impact)) return { deleted, ...impact };
  const kept = await keepEmptiedGroups(database, options.run, options.policy);
  if (kept === 0) return { deleted, ...impact };
  return { deleted: deleted - kept, ...(await countEnds(database, ends)) };
}

/** Whether the guard holds the plan for those whom it leaves without a group. */
function isTooMuch({ policy, run }: EndOptions, { members, membersLeaving }: Impact): boolean {
  const { floor, deactivatedPercent } = { ...policy.guard, ...run.guard };
  return membersLeaving >= Math.max(1, floor) && membersLeaving * 100 > members * deactivatedPercent;
}

/**
 * SQL that joins somebody's mapping, with what the plans say of who is gone, who is back, and who is linked, and
 * with whom other integrations have. $1 is the integration, $5 the plans, $6 to $10 the grace and the others.
 */
function joinMapping({ others }: Ends, alias: string, type: string, id: string): string {
  const held = `LEFT JOIN (SELECT DISTINCT internal_id FROM (${heldByOthers(type, 8)}) o) ${alias}h
    ON ${alias}h.internal_id = ${id}`;
  return `
    LEFT JOIN integration_mappings ${alias} ON ${alias}.integration_id = $1 AND ${alias}.entity_type = ${type}
      AND ${alias}.internal_id = ${id}
    LEFT JOIN sync_changes ${alias}c ON ${alias}c.integration_id = $1
      AND ${alias}c.run_id = ANY($5::uuid[])
      AND ${alias}c.entity = ${type}
      AND ${alias}c.internal_id = ${id}
      AND (${alias}c.missing_after IS NOT NULL OR ${alias}c.action = 'LINK')
    ${others.ids.length === 0 ? '' : held}`;
}

/** SQL that says whether a membership may end, as far as one of the two goes: `present` is for who is mapped. */
function canEnd({ others }: Ends, alias: string, present: string): string {
  const missingRuns = `COALESCE(${alias}c.missing_after, ${alias}.missing_runs)`;
  const letGo = hasLetGo({ missingRuns, missingSince: `${alias}.missing_since` }, ['$6::int', '$7']);
  const isHeldOnly = others.ids.length === 0 ? '' : `OR ${alias}h.internal_id IS NOT NULL AND ${letGo}`;
  return `(${alias}c.action IS NOT DISTINCT FROM 'LINK' OR ${present} ${isHeldOnly})`;
}

/** The values of the parameters from $1 on. */
function valuesOfEnds({ run, role, plans, policy, others }: Ends): unknown[] {
  const held = others.ids.length === 0 ? [] : [...graceOf(policy), ...valuesOf(others)];
  return [run.integrationId, run.id, run.institutionId, role, plans, ...held];
}

function insertEnds(database: Database, ends: Ends): Promise<number> {
  const values = [...valuesOfEnds(ends), ends.lastSeq];
  const stays = (alias: string) =>
    canEnd(ends, alias, `COALESCE(${alias}c.missing_after, ${alias}.missing_runs) = 0`);
  return database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before)
     SELECT $1, $2, $${values.length} + row_number() OVER (ORDER BY t.group_id, t.person_id), 'MEMBERSHIP', 'DELETE',
       t.person_id, COALESCE(g.external_id, gc.external_id),
       jsonb_build_object('groupId', t.group_id, 'personId', t.person_id, 'role', t.role)
     FROM memberships t ${joinMapping(ends, 'g', `'GROUP'`, 't.group_id')}
     ${joinMapping(ends, 'p', '$4', 't.person_id')}
     LEFT JOIN sync_memberships r ON r.group_id = t.group_id AND r.person_id = t.person_id AND r.role = t.role
     LEFT JOIN sync_conflicts d ON d.integration_id = $1 AND d.entity_type = $4 AND d.external_id = p.external_id
       AND ${isInDoubt('d', 't.person_id')}
     WHERE t.institution_id = $3 AND t.integration_id = $1 AND t.role = $4 AND r.seq IS NULL AND d.id IS NULL
       AND ${stays('g')} AND ${stays('p')}`,
    values,
  );
}

/**
 * How many memberships and members there are, and how many of these the plan leaves in no group. A group that is over
 * is none to be in.
 */
async function countEnds(database: Database, ends: Ends) {
  const isThere = (alias: string) =>
    canEnd(ends, alias, `${alias}.missing_runs = 0 OR ${alias}c.missing_after = 0`);
  const people = ends.role === 'STUDENT' ? 'students' : 'teachers';
  const [impact] = await database.query<Impact>(
    `WITH over AS MATERIALIZED (
       SELECT id FROM groups WHERE institution_id = $3 AND NOT active
     ), left_over AS (
       SELECT t.person_id, count(*) AS present, count(*) FILTER (WHERE ${IS_CURRENT}) AS had,
         count(c.seq) FILTER (WHERE ${IS_CURRENT}) AS ends
       FROM memberships t ${joinMapping(ends, 'g', `'GROUP'`, 't.group_id')}
       ${joinMapping(ends, 'p', '$4', 't.person_id')}
       LEFT JOIN over ON over.id = t.group_id
       LEFT JOIN (SELECT id FROM ${people} WHERE institution_id = $3 AND NOT active) away ON away.id = t.person_id
       LEFT JOIN sync_changes c ON c.integration_id = $1 AND c.run_id = $2 AND c.entity = 'MEMBERSHIP'
         AND c.action = 'DELETE'
         AND c.internal_id = t.person_id AND c.before->>'groupId' = t.group_id::text
       WHERE t.institution_id = $3 AND t.integration_id = $1 AND t.role = $4
         AND ${isThere('g')} AND ${isThere('p')}
       GROUP BY t.person_id)
     SELECT COALESCE(sum(present), 0)::int AS present, COALESCE(sum(had), 0)::int AS current,
       COALESCE(sum(ends), 0)::int AS "currentEnding", (count(*) FILTER (WHERE had > 0))::int AS members,
       (count(*) FILTER (WHERE had > 0 AND had = ends AND n.internal_id IS NULL))::int AS "membersLeaving"
     FROM left_over l
     LEFT JOIN (SELECT DISTINCT internal_id FROM sync_changes
                WHERE integration_id = $1 AND run_id = $2 AND entity = 'MEMBERSHIP' AND action = 'CREATE'
                  AND after->>'groupId' NOT IN (SELECT id::text FROM over)) n
                  ON n.internal_id = l.person_id`,
    valuesOfEnds(ends),
  );
  return impact;
}

/** SQL that tells whether a membership is of a group and a person that are active. */
const IS_CURRENT = 'over.id IS NULL AND away.id IS NULL';
