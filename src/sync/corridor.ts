import type { RecordSource, SyncedMapping } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { apply } from './apply.js';
import { ENTITY_SPECS, type EntitySpec } from './entity-spec.js';
import { IssueLog } from './issue-log.js';
import { plan, type Unresolved } from './plan.js';
import type { RunStore } from './run-store.js';
import { quoted } from './stage/clean-value.js';
import { type Staged, stage } from './stage.js';
import { noCounts, noTimings, type SyncCounts, type SyncRun } from './sync-run.js';

/** How many mappings a report holds. */
export const MAX_REPORTED_MAPPINGS = 1_000;

/** What a run leaves behind for whoever asked for it. */
export interface SyncReport {
  runId: string;
  success: boolean;
  /** created + updated + unchanged. */
  synced: number;
  /** A sentence for each row that was kept out, at most 100. */
  errors: string[];
  errorCount: number;
  warningCount: number;
  /** Mappings that the run made or changed, at most 1,000. */
  mappings: ReportedMapping[];
  mappingsTruncated: boolean;
  counts: SyncCounts;
  membershipCounts: SyncCounts;
}

export interface ReportedMapping extends SyncedMapping {
  id: string;
  integrationId: string;
  metadata: Record<string, unknown>;
  status: 'ACTIVE';
  createdAt: Date;
  updatedAt: Date;
}

export interface CorridorOptions {
  database: Database;
  runs: RunStore;
  run: SyncRun;
  source: RecordSource;
}

/** One run: read, stage, plan, apply, report. Nothing of the roster is written before apply, and all of it there. */
export async function walkCorridor({ database, runs, run, source }: CorridorOptions): Promise<SyncReport> {
  const spec = ENTITY_SPECS[run.entityType];
  const issues = new IssueLog(database, run.integrationId, run.id, spec.table);
  await beginAnew(database, run);
  try {
    const staged = await timed(run, 'readMs', 'READ', () => {
      return stage({ database, run, spec, source, issues, onPage: progress(runs, run) });
    });
    const planned = await timed(run, 'planMs', 'PLAN', () => database.transaction(() => plan(database, run, spec, staged)));
    await explainUnknown(issues, staged, planned);
    run.counts.created = planned.created;
    run.counts.updated = planned.updated;
    run.counts.unchanged = staged.entities - planned.created - planned.updated;
    run.counts.missing = planned.missing;
    run.counts.warnings = issues.warnings;
    run.membershipCounts.created = planned.memberships.created;
    run.membershipCounts.unchanged = planned.memberships.resolved - planned.memberships.created;
    run.membershipCounts.failed += planned.unknownMembers.length;
    await timed(run, 'applyMs', 'APPLY', () =>
      apply({ database, runs, run, spec, provided: staged.provided, mapped: planned.mapped }),
    );
    run.stage = 'REPORT';
    return await report(database, run, issues, spec);
  } finally {
    await issues.flush();
    await database.execute('DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $2', [run.integrationId, run.id]);
  }
}

/** A run that was taken up again begins from its source: what an earlier attempt left is put away. */
async function beginAnew(database: Database, run: SyncRun): Promise<void> {
  Object.assign(run, { counts: noCounts(), membershipCounts: noCounts(), timings: noTimings(), stage: 'READ' });
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

async function explainUnknown(
  issues: IssueLog,
  { file: entityFile }: Staged,
  planned: { unknownCourses: Unresolved[]; unknownMembers: Unresolved[] },
): Promise<void> {
  const hint = (kind: string) => `Correct the id, or sync ${kind.toUpperCase()} first.`;
  for (const { line, externalId, reference, kind } of planned.unknownCourses) {
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
  for (const { file, line, reference, kind } of planned.unknownMembers) {
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

async function report(database: Database, run: SyncRun, issues: IssueLog, spec: EntitySpec): Promise<SyncReport> {
  const mappings = await database.query<ReportedMapping>(
    `SELECT m.id, m.integration_id AS "integrationId", m.entity_type AS "entityType", m.internal_id AS "internalId",
       m.external_id AS "externalId", m.metadata, m.status, m.created_at AS "createdAt", m.updated_at AS "updatedAt"
     FROM (SELECT seq, external_id, internal_id FROM sync_changes
           WHERE integration_id = $1 AND run_id = $2 AND entity = $3 ORDER BY seq LIMIT $4) c
     -- OFFSET 0 keeps the planner from joining all mappings to look up a few.
     JOIN LATERAL (SELECT * FROM integration_mappings
                   WHERE integration_id = $1 AND entity_type = $3 AND external_id = c.external_id AND internal_id = c.internal_id OFFSET 0) m ON true
     ORDER BY c.seq`,
    [run.integrationId, run.id, spec.entityType, MAX_REPORTED_MAPPINGS + 1],
  );
  const { created, updated, unchanged } = run.counts;
  return {
    runId: run.id,
    success: true,
    synced: created + updated + unchanged,
    errors: [...issues.sentences],
    errorCount: issues.errors,
    warningCount: issues.warnings,
    mappings: mappings.slice(0, MAX_REPORTED_MAPPINGS),
    mappingsTruncated: mappings.length > MAX_REPORTED_MAPPINGS,
    counts: run.counts,
    membershipCounts: run.membershipCounts,
  };
}
