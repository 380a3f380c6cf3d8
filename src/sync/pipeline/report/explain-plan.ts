import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { quoted } from '../../../values/index.js';
import type { IssueLog } from '../../issues/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import type { Planned, Unresolved } from '../plan/index.js';
import { repeatedNationalId, type Staged } from '../stage/index.js';
import type { SyncContext } from '../sync-context.js';

/**
 * What the plan found out: people of whom nobody can tell who they are, and references to what is not known.
 */
export async function explainPlan(
  { database, run, spec }: SyncContext & { spec: EntitySpec },
  issues: IssueLog,
  staged: Staged,
  planned: Planned,
): Promise<void> {
  await explainConflicts({ database, run, issues, spec }, staged, planned);
  await explainTakenNationalIds({ issues, spec }, staged, planned);
  await explainUnknown(database, run, issues, staged, planned);
  await issues.flush();
}

async function explainConflicts(
  { database, run, issues, spec }: { database: Database; run: SyncRun; issues: IssueLog; spec: EntitySpec },
  { file }: Staged,
  { conflicts }: Planned,
): Promise<void> {
  if (conflicts.length === 0) return;
  const ignored = await database.query<{ externalId: string }>(
    `SELECT external_id AS "externalId" FROM sync_conflicts
     WHERE integration_id = $1 AND entity_type = $2 AND resolution = 'IGNORE'`,
    [run.integrationId, spec.entityType],
  );
  const decided = new Set(ignored.map(({ externalId }) => externalId));
  for (const { externalId, line, reason } of conflicts) {
    // Whoever decided knows.
    if (decided.has(externalId)) continue;
    await issues.add({
      severity: 'warning',
      rule: 'identity.conflict',
      problem: `${spec.noun} ${quoted(externalId)} ${reason}`,
      file,
      line: line ?? undefined,
      value: externalId,
      hint: 'Say who it is with ResolveConflict; ListConflicts shows who it may be.',
      externalId,
    });
  }
}

async function explainTakenNationalIds(
  { issues, spec }: { issues: IssueLog; spec: EntitySpec },
  { file }: Staged,
  { takenNationalIds }: Planned,
): Promise<void> {
  for (const { line, externalId, nationalId, ownerId, ownerLine } of takenNationalIds) {
    await issues.add(repeatedNationalId(spec, { file, line, externalId, nationalId, ownerId, ownerLine }));
  }
}

async function explainUnknown(
  database: Database,
  run: SyncRun,
  issues: IssueLog,
  { file: entityFile }: Staged,
  { unknownCourses, memberships }: Planned,
): Promise<void> {
  const hint = (kind: string) => `Correct the id, or sync ${kind.toUpperCase()} first.`;
  const waiting = await explainNeverSynced(database, run, issues, {
    courses: unknownCourses,
    members: memberships.unknown,
  });
  for (const { line, externalId, reference, kind } of unknownCourses) {
    if (waiting.has(kind)) continue;
    await issues.add({
      severity: 'warning',
      rule: 'reference.unknown',
      problem: `course ${quoted(reference)} of group ${quoted(externalId)} is not known`,
      file: entityFile,
      line: line ?? undefined,
      value: reference,
      hint: hint(kind),
      externalId,
    });
  }
  for (const { file, line, reference, kind } of memberships.unknown) {
    if (waiting.has(kind)) continue;
    await issues.add({
      severity: 'error',
      rule: 'reference.unknown',
      problem: `${kind} ${quoted(reference)} is not known`,
      file: file ?? undefined,
      line: line ?? undefined,
      value: reference,
      hint: hint(kind),
    });
  }
}

/**
 * What was never synced cannot be known: that is said once, not row by row. Returns those kinds. Groups come
 * in without their course, but members without their group are kept out.
 */
async function explainNeverSynced(
  database: Database,
  run: SyncRun,
  issues: IssueLog,
  { courses, members }: { courses: readonly Unresolved[]; members: readonly Unresolved[] },
) {
  const unknown = [...courses, ...members];
  const kinds = [...new Set(unknown.map(({ kind }) => kind))];
  if (kinds.length === 0) return new Set<Unresolved['kind']>();
  const known = await database.query<{ kind: string }>(
    `SELECT k.kind FROM unnest($2::text[]) AS k (kind) WHERE upper(k.kind) = $3 OR EXISTS (
       SELECT 1 FROM integration_mappings m WHERE m.integration_id = $1 AND m.entity_type = upper(k.kind))`,
    [run.integrationId, kinds, run.entityType],
  );
  const waiting = new Set(kinds.filter((kind) => !known.some((row) => row.kind === kind)));
  for (const kind of waiting) {
    const count = unknown.filter((row) => row.kind === kind).length;
    const type = kind.toUpperCase();
    await issues.add({
      severity: kind === 'course' ? 'warning' : 'error',
      rule: `${kind}s.none`,
      problem: `${count} ${count === 1 ? 'row refers to a' : 'rows refer to'} ${kind}${count === 1 ? '' : 's'}, and no ${kind} was ever synced`,
      hint: `Sync ${type}, then ${run.entityType} again.`,
    });
  }
  return waiting;
}
