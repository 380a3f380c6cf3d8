import type { RecordSource, SyncedMapping } from '../connectors/index.js';
import { type Database, MAPPING_COLUMNS } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { quoted } from '../values/index.js';
import { apply, keepDigests } from './apply.js';
import { ENTITY_SPECS, type EntitySpec } from './entity-spec.js';
import { noEvidence } from './evidence.js';
import { judge } from './guard.js';
import { keepStep, loadBaseline } from './guard-baseline.js';
import { IssueLog } from './issue-log.js';
import { type Planned, plan, type Unresolved } from './plan/index.js';
import type { SyncPolicy } from './policy.js';
import { recallRows } from './recall-rows.js';
import type { RunStore } from './run-store.js';
import { type Staged, stage } from './stage.js';
import { noCounts, noTimings, type SyncCounts, type SyncRun, type SyncScope } from './sync-run.js';

/** How many mappings a report holds. */
export const MAX_REPORTED_MAPPINGS = 1_000;

/** What a run leaves behind for whoever asked for it. */
export interface SyncReport {
  runId: string;
  /** Whether the roster is now as the source has it; false for a plan that is held, true for a preview. */
  success: boolean;
  /** COMPLETED, FAILED, HELD or PREVIEWED. */
  status: SyncRun['status'];
  /** created + updated + unchanged. */
  synced: number;
  /** Why it failed or is held, then a sentence for each row that was kept out; at most 100. */
  errors: string[];
  errorCount: number;
  warningCount: number;
  /** Mappings that the run made or changed, at most 1,000. */
  mappings: ReportedMapping[];
  mappingsTruncated: boolean;
  counts: SyncCounts;
  membershipCounts: SyncCounts;
  /** Why nobody is taken for gone, where the reading does not prove it. */
  gaps: string[];
  /** Of a run of all entity types: the report of each. */
  parts: (SyncReport & { entityType: SyncScope })[];
}

export interface ReportedMapping extends SyncedMapping {
  id: string;
  integrationId: string;
  metadata: Record<string, unknown>;
  status: 'ACTIVE' | 'MISSING';
  createdAt: Date;
  updatedAt: Date;
}

export interface CorridorOptions {
  database: Database;
  runs: RunStore;
  run: SyncRun;
  source: RecordSource;
  policy: SyncPolicy;
}

/**
 * One run: read, stage, plan, guard, apply, report. Nothing of the roster is written before apply, and all of it there.
 * A preview ends before apply, and so does a plan that the guard holds; `approvePlan` goes on from there.
 */
export async function walkCorridor({ database, runs, run, source, policy }: CorridorOptions): Promise<SyncReport> {
  const spec = specOf(run);
  const issues = new IssueLog(database, run.integrationId, run.id, spec.table);
  await beginAnew(database, run);
  try {
    const staged = await timed(run, 'readMs', 'READ', () => {
      return stage({ database, run, spec, source, issues, onPage: progress(runs, run) });
    });
    const planned = await timed(run, 'planMs', 'PLAN', () =>
      database.transaction(() => plan(database, { run, spec, staged, policy })),
    );
    await explainConflicts(issues, spec, staged, planned);
    await explainUnknown(database, run, issues, staged, planned);
    await recallRows({ database, run, source, issues });
    count(run, staged, planned, issues);
    const held = judge(planned.impact, {
      evidence: run.evidence,
      policy,
      override: run.guard,
      noun: spec.noun,
      partial: staged.partial,
      baseline: await loadBaseline(database, run, policy),
    });
    if (run.kind === 'PREVIEW') run.status = 'PREVIEWED';
    else if (held) run.status = 'HELD';
    run.error = held ?? null;
    if (run.status === 'RUNNING') {
      await keepStep(database, run, planned.impact);
      await timed(run, 'applyMs', 'APPLY', async () => {
        run.counts.moved = await apply({ database, runs, run });
        if (planned.created + planned.updated + planned.conflicts.length < staged.staged) await keepDigests(database, run, spec);
      });
      run.stage = 'REPORT';
      run.status = 'COMPLETED';
    }
    // Some pushed records are no new reading.
    if (run.kind === 'SYNC' && !staged.partial) await runs.supersede(run);
    return await report(database, run, issues);
  } finally {
    await issues.flush();
    await database.execute('DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $2', [run.integrationId, run.id]);
  }
}

/** The second half for a plan that a person looked at: applies it as it stands. */
export async function approvePlan({ database, runs, run }: Omit<CorridorOptions, 'source' | 'policy'>): Promise<SyncReport> {
  await timed(run, 'applyMs', 'APPLY', async () => {
    run.counts.moved = await apply({ database, runs, run });
  });
  run.stage = 'REPORT';
  run.status = 'COMPLETED';
  run.error = null;
  return report(database, run);
}

/** The end of a run whose process died after its last write: only what it had staged is put away, and nothing done again. */
export async function finishApplied(database: Database, run: SyncRun): Promise<SyncReport> {
  await database.execute('DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $2', [run.integrationId, run.id]);
  return report(database, Object.assign(run, { status: 'COMPLETED', error: null }));
}

function specOf(run: SyncRun): EntitySpec {
  if (run.entityType === 'ALL') throw new Error('a run of all entity types walks in parts');
  return ENTITY_SPECS[run.entityType];
}

function count(run: SyncRun, staged: Staged, planned: Planned, issues: IssueLog): void {
  const { counts, membershipCounts } = run;
  counts.created = planned.created;
  counts.updated = planned.updated;
  counts.conflicts = planned.conflicts.length;
  counts.unchanged = staged.entities - planned.created - planned.updated - planned.conflicts.length;
  counts.missing = planned.missing;
  counts.deactivated = planned.deactivated;
  counts.warnings = issues.warnings;
  membershipCounts.created = planned.memberships.created;
  membershipCounts.unchanged = planned.memberships.resolved - planned.memberships.created;
  membershipCounts.failed += planned.memberships.unknown.length;
  membershipCounts.deactivated = planned.memberships.deleted;
}

/** A run that was taken up again begins from its source: what an earlier attempt left is put away. */
export async function beginAnew(database: Database, run: SyncRun): Promise<void> {
  Object.assign(run, {
    counts: noCounts(),
    membershipCounts: noCounts(),
    timings: noTimings(),
    evidence: noEvidence(),
    stage: 'READ',
  });
  if (run.attempt === 1) return;
  await database.transaction(async () => {
    for (const table of ['sync_staged', 'sync_changes', 'sync_issues']) {
      await database.execute(`DELETE FROM ${table} WHERE integration_id = $1 AND run_id = $2`, [run.integrationId, run.id]);
    }
  });
}

async function timed<T>(
  run: SyncRun,
  room: keyof SyncRun['timings'],
  stageName: SyncRun['stage'],
  work: () => Promise<T>,
): Promise<T> {
  run.stage = stageName;
  const start = performance.now();
  try {
    return await work();
  } finally {
    run.timings[room] = Math.round(performance.now() - start);
  }
}

/** Says how far the run is, at most every half second. */
function progress(runs: RunStore, run: SyncRun): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < 500) return;
    last = performance.now();
    if (!(await runs.heartbeat(run))) {
      throw new ServiceError('aborted', 'The run was taken from this process.', { reason: 'SYNC_RUN_LOST' });
    }
  };
}

async function explainConflicts(issues: IssueLog, spec: EntitySpec, { file }: Staged, { conflicts }: Planned): Promise<void> {
  for (const { externalId, line, reason } of conflicts) {
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

async function explainUnknown(
  database: Database,
  run: SyncRun,
  issues: IssueLog,
  { file: entityFile }: Staged,
  { unknownCourses, memberships }: Planned,
): Promise<void> {
  const hint = (kind: string) => `Correct the id, or sync ${kind.toUpperCase()} first.`;
  const waiting = await explainNeverSynced(database, run, issues, [...unknownCourses, ...memberships.unknown]);
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

/** What was never synced cannot be known: that is said once, not row by row. Returns those kinds. */
async function explainNeverSynced(database: Database, run: SyncRun, issues: IssueLog, unknown: readonly Unresolved[]) {
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
      severity: 'warning',
      rule: `${kind}s.none`,
      problem: `${count} ${count === 1 ? 'row refers to a' : 'rows refer to'} ${kind}${count === 1 ? '' : 's'}, and no ${kind} was ever synced`,
      hint: `Sync ${type}, then ${run.entityType} again.`,
    });
  }
  return waiting;
}

/** What the run comes to, for whoever asked for it. `issues` are those of this very walk. */
export async function report(database: Database, run: SyncRun, issues?: IssueLog): Promise<SyncReport> {
  const mappings = await database.query<ReportedMapping>(
    `SELECT ${MAPPING_COLUMNS}
     FROM (SELECT seq, external_id, internal_id, entity FROM sync_changes
           WHERE integration_id = $1 AND run_id = $2 AND entity <> 'MEMBERSHIP' AND outcome IS NULL ORDER BY seq LIMIT $3) c
     -- OFFSET 0 keeps the planner from joining all mappings to look up a few.
     JOIN LATERAL (SELECT * FROM integration_mappings WHERE integration_id = $1 AND entity_type = c.entity
                     AND external_id = c.external_id AND internal_id = c.internal_id OFFSET 0) m ON true
     ORDER BY c.seq`,
    [run.integrationId, run.id, run.status === 'COMPLETED' ? MAX_REPORTED_MAPPINGS + 1 : 0],
  );
  const { created, updated, unchanged, moved } = run.counts;
  const stopped = run.status === 'HELD' || run.status === 'FAILED' ? [run.error ?? 'The run failed.'] : [];
  return {
    runId: run.id,
    success: run.status === 'COMPLETED' || run.status === 'PREVIEWED',
    status: run.status,
    synced: run.status === 'COMPLETED' ? created + updated + unchanged - moved : 0,
    errors: [...stopped, ...(issues?.sentences ?? [])],
    errorCount: (issues?.errors ?? 0) + stopped.length,
    warningCount: run.counts.warnings,
    mappings: mappings.slice(0, MAX_REPORTED_MAPPINGS),
    mappingsTruncated: mappings.length > MAX_REPORTED_MAPPINGS,
    counts: run.counts,
    membershipCounts: run.membershipCounts,
    gaps: run.evidence.gaps,
    parts: [],
  };
}
