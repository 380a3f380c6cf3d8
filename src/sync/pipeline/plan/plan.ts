import type { Database } from '../../../database/index.js';
import { type EntitySpec, membershipRole } from '../../../roster/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import type { Impact } from '../guard/guard.js';
import { isRenamed } from '../guard/renamed.js';
import type { PlannedConflict } from '../match/index.js';
import { correlate, linkUnmapped, settleConflicts } from '../match/index.js';
import { lookUp, preferHashJoins } from '../sql/joins.js';
import { othersOf } from '../sql/others.js';
import { leaves, RETURNS, STOPS } from '../sql/stops.js';
import type { Staged } from '../stage/index.js';
import { canDraft, undraft } from '../stage/index.js';
import { planAbsences, planGone } from './plan-absences.js';
import { findUnknownCourses, planEntities, type Unresolved } from './plan-entities.js';
import { type PlannedMemberships, planMemberships } from './plan-memberships.js';
import { countUngrouped, NOBODY } from './plan-ungrouped.js';
import { findTakenNationalIds, type TakenNationalId } from './taken-national-ids.js';

export type { PlannedConflict, Unresolved };

/** What the plan comes to; the changes themselves are in sync_changes. */
export interface Planned {
  /** Whether the entities of the plan are the drafts that were staged. */
  drafted: boolean;
  created: number;
  /** Those linked and restored included. */
  updated: number;
  /** Deactivated because the source says so, or is over with them. */
  deactivated: number;
  missing: number;
  conflicts: PlannedConflict[];
  memberships: PlannedMemberships;
  takenNationalIds: TakenNationalId[];
  /** Groups whose course is not known: they come in without it. */
  unknownCourses: Unresolved[];
  impact: Impact;
}

/** Plans: what was staged, beside what is known, makes a plan. Nothing of the roster is touched. */
export async function plan(
  database: Database,
  { run, spec, staged, policy }: { run: SyncRun; spec: EntitySpec; staged: Staged; policy: SyncPolicy },
): Promise<Planned> {
  const { provided, known } = staged;
  await preferHashJoins(database);
  const drafted = staged.drafted && (await canDraft(database, run, spec));
  if (staged.drafted && !drafted) await undraft(database, run, spec);
  // Where all rows are as they were, or are new to all, there is nothing to compare.
  const isChanged = staged.lastSeq > 0 && !drafted;
  const conflicts = drafted ? [] : await correlate(database, { run, spec, policy, staged });
  if (isChanged && staged.fresh > 0) await linkUnmapped(database, run, spec);
  const takenNationalIds =
    isChanged && known.mapped > 0 ? await findTakenNationalIds(database, { run, spec, staged }) : [];
  if (isChanged) {
    await lookUp(database, { rows: staged.lastSeq, among: known.mapped }, () =>
      planEntities(database, { run, spec, provided, policy, hasDropped: staged.hasDropped }),
    );
  }
  const complete = run.evidence.gaps.length === 0;
  const others = await othersOf(database, run);
  const { missing, lastSeq } = staged.partial
    ? await planGone(database, { run, spec, policy, others, staged })
    : await planAbsences(database, { run, spec, policy, others, staged, complete });
  if (!drafted) await settleConflicts(database, { run, spec, staged });
  const role = membershipRole(spec);
  const memberships = await planMemberships(database, {
    run,
    role,
    policy,
    others,
    complete,
    lastSeq,
    known: known.mapped,
  });
  const counts = drafted
    ? { ...NONE, created: staged.staged }
    : await countActions(database, { run, spec, policy });
  const { members, membersLeaving, present, deleted, current, currentEnding } = memberships;
  const base =
    (staged.partial ? await countMapped(database, run, spec, counts) : known.mapped) + counts.linked;
  return {
    drafted,
    created: counts.created,
    updated: counts.updated,
    deactivated: counts.deactivated,
    missing,
    conflicts,
    memberships,
    takenNationalIds,
    unknownCourses: isChanged && spec.table === 'groups' ? await findUnknownCourses(database, run) : [],
    impact: {
      base,
      // Whom another integration had after the grace is active, and none of those who are there.
      active: base - (await countInactive(database, run, spec, { base, counts })) + counts.late,
      leaving: counts.leaving,
      returning: counts.returning,
      changed: counts.changed,
      wereMissing: counts.wereMissing,
      renamed: counts.renamed,
      members,
      membersLeaving,
      memberships: present,
      membershipsEnding: deleted,
      currentMemberships: current,
      currentMembershipsEnding: currentEnding,
      ...(spec.table === 'groups' && counts.stopping > 0 ? await countUngrouped(database, run) : NOBODY),
    },
  };
}

async function countActions(
  database: Database,
  { run, spec, policy }: { run: SyncRun; spec: EntitySpec; policy: SyncPolicy },
) {
  const isStaged = `action IN ('UPDATE', 'LINK', 'RESTORE')
    OR (action = 'DEACTIVATE' AND missing_after IS NULL)`;
  const [row] = await database.query<Record<keyof typeof NONE, number>>(
    `SELECT (count(*) FILTER (WHERE action = 'CREATE'))::int AS created,
       (count(*) FILTER (WHERE ${isStaged}))::int AS updated,
       (count(*) FILTER (WHERE action = 'DEACTIVATE'))::int AS deactivated,
       (count(*) FILTER (WHERE ${leaves('$4')}))::int AS leaving,
       (count(*) FILTER (WHERE ${STOPS} AND missing_after > 0 AND missing_before > $4))::int AS late,
       (count(*) FILTER (WHERE ${STOPS}))::int AS stopping,
       (count(*) FILTER (WHERE ${RETURNS}))::int AS returning,
       (count(*) FILTER (WHERE action = 'LINK'))::int AS linked,
       (count(*) FILTER (WHERE action IN ('RESTORE', 'DEACTIVATE', 'MISSING')
         OR action = 'UPDATE' AND ${withoutFilled('before')} <> ${withoutFilled('after')}
         OR action = 'LINK' AND ${OVERWRITES}))::int AS changed,
       (count(*) FILTER (WHERE action IN ('UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING')
         AND missing_before > 0))::int AS "wereMissing",
       (count(*) FILTER (WHERE action IN ('UPDATE', 'LINK', 'RESTORE', 'DEACTIVATE')
         AND ${isRenamed(spec, 'before', 'after')}))::int AS renamed
     FROM sync_changes WHERE integration_id = $1 AND run_id = $2 AND entity = $3`,
    [run.integrationId, run.id, spec.entityType, policy.graceRuns],
  );
  return row ?? NONE;
}

/** Metadata is no change of a person, nor is it one of a group that its course comes after it. */
function withoutFilled(fields: string): string {
  return `CASE WHEN before->'courseId' = 'null' THEN ${fields} - '{metadata,courseId}'::text[]
    ELSE ${fields} - 'metadata' END`;
}

/** What is there is written over, rather than filled in. */
const OVERWRITES = `EXISTS (SELECT 1 FROM jsonb_each(before) b
  WHERE b.key <> 'metadata' AND b.value NOT IN ('null', '""') AND b.value <> after->b.key)`;
const NONE = {
  created: 0,
  updated: 0,
  deactivated: 0,
  leaving: 0,
  late: 0,
  stopping: 0,
  returning: 0,
  linked: 0,
  changed: 0,
  wereMissing: 0,
  renamed: 0,
};

/** Of a partial reading the mappings are not loaded: they are counted where somebody is touched. */
async function countMapped(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
  { leaving, changed }: typeof NONE,
): Promise<number> {
  if (leaving === 0 && changed === 0) return 0;
  const [row] = await database.query<{ mapped: number }>(
    'SELECT count(*)::int AS mapped FROM integration_mappings WHERE integration_id = $1 AND entity_type = $2 AND missing_runs = 0',
    [run.integrationId, spec.entityType],
  );
  return row?.mapped ?? 0;
}

/**
 * How many of those who are mapped and not missing are inactive, as their rows say. The roster is gone through only
 * where somebody leaves or comes back.
 */
async function countInactive(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
  { base, counts: { leaving, returning } }: { base: number; counts: typeof NONE },
): Promise<number> {
  if (leaving === 0 && returning === 0) return 0;
  const [all] = await database.query<{ inactive: number }>(
    `SELECT count(*)::int AS inactive FROM ${spec.table} WHERE institution_id = $1 AND NOT active`,
    [run.institutionId],
  );
  const rows = all?.inactive ?? 0;
  if (rows === 0) return 0;
  const [row] = await lookUp(database, { rows, among: base }, () =>
    database.query<{ inactive: number }>(
      `SELECT count(*)::int AS inactive FROM ${spec.table} t
       JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3 AND m.internal_id = t.id
         AND m.missing_runs = 0
       WHERE t.institution_id = $2 AND NOT t.active`,
      [run.integrationId, run.institutionId, spec.entityType],
    ),
  );
  return row?.inactive ?? 0;
}
