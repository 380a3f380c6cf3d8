import type { Database } from '../../../database/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';

/** A group of which the source lists nobody any more. */
interface EmptiedGroup {
  id: string;
  name: string;
  members: number;
}

/** Groups that a sentence names at most. */
const MOST_NAMED = 3;

/**
 * Takes the ends of memberships out of the plan of groups that the source still has, of which it lists nobody any
 * more, and whose people are mostly in no row of the list: so looks a list that lacks a group. What a second
 * reading says too is believed. Groups of fewer than the floor of the guard are not looked at. Returns how many
 * memberships stay.
 */
export async function keepEmptiedGroups(
  database: Database,
  run: SyncRun,
  policy: SyncPolicy,
): Promise<number> {
  const { memberships } = run.evidence;
  const emptied = await findEmptied(database, run, Math.max(1, policy.guard.floor));
  memberships.emptied = emptied.map(({ id }) => id);
  if (emptied.length === 0 || policy.graceRuns === 0) return 0;
  const before = await emptiedBefore(database, run);
  const kept = emptied.filter(({ id }) => !before.includes(id));
  if (kept.length === 0) return 0;
  memberships.gaps.push(sentence(kept));
  return database.execute(
    `DELETE FROM sync_changes WHERE integration_id = $1 AND run_id = $2 AND entity = 'MEMBERSHIP'
       AND action = 'DELETE' AND before->>'groupId' = ANY($3::text[])`,
    [run.integrationId, run.id, kept.map(({ id }) => id)],
  );
}

function findEmptied(database: Database, run: SyncRun, floor: number): Promise<EmptiedGroup[]> {
  return database.query<EmptiedGroup>(
    `WITH listed AS MATERIALIZED (
       SELECT DISTINCT person_id FROM sync_memberships WHERE person_id IS NOT NULL
     ), ends AS (
       SELECT (before->>'groupId')::uuid AS group_id, internal_id AS person_id FROM sync_changes
       WHERE integration_id = $1 AND run_id = $2 AND entity = 'MEMBERSHIP' AND action = 'DELETE'
     ), emptied AS (
       SELECT e.group_id, count(*)::int AS members, count(*) FILTER (WHERE l.person_id IS NULL) AS nowhere
       FROM ends e LEFT JOIN listed l ON l.person_id = e.person_id
       GROUP BY e.group_id)
     SELECT e.group_id AS id, g.name, e.members FROM emptied e
     JOIN groups g ON g.institution_id = $3 AND g.id = e.group_id AND g.active
     WHERE e.members >= $4 AND e.nowhere * 2 > e.members
       AND NOT EXISTS (SELECT 1 FROM sync_memberships r WHERE r.group_id = e.group_id)
     ORDER BY g.name, e.group_id`,
    [run.integrationId, run.id, run.institutionId, floor],
  );
}

/** The same of the last reading that could tell. */
async function emptiedBefore(database: Database, run: SyncRun): Promise<readonly string[]> {
  const [row] = await database.query<{ emptied: string[] }>(
    `SELECT evidence->'memberships'->'emptied' AS emptied FROM sync_runs
     WHERE integration_id = $1 AND entity_type = $2 AND id <> $3 AND kind = 'SYNC' AND status = 'COMPLETED'
       AND rolls_back IS NULL AND evidence->'memberships' ? 'emptied'
     ORDER BY started_at DESC LIMIT 1`,
    [run.integrationId, run.entityType, run.id],
  );
  return row?.emptied ?? [];
}

function sentence(kept: readonly EmptiedGroup[]): string {
  const named = kept.slice(0, MOST_NAMED).map(({ name, members }) => `"${name}" had ${members} members`);
  const more = kept.length > MOST_NAMED ? `, and ${kept.length - MOST_NAMED} groups more had some` : '';
  return `${named.join(', ')}${more}, and the source lists nobody there, and most of them nowhere: they stay until another reading says the same. Look whether the list of memberships is whole.`;
}
