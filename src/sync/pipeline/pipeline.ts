import { announceRun, lockInstitution, positionOf } from '../../changes/index.js';
import type { RecordSource } from '../../connectors/index.js';
import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { operations } from '../../observability/index.js';
import { IssueLog } from '../issues/index.js';
import type { SyncPolicy } from '../policy.js';
import { noEvidence } from '../runs/evidence.js';
import { throwIfOver } from '../runs/run-request.js';
import { noCounts, noTimings, type SyncRun } from '../runs/sync-run.js';
import { apply, keepDigests } from './apply/apply.js';
import { keepStep, loadBaseline } from './guard/baseline.js';
import { judge } from './guard/guard.js';
import { countChanges, countPlan, makePlan, specOf } from './make-plan.js';
import { findRenumberedIn, type Planned } from './plan/index.js';
import { recallRows } from './read/recall-rows.js';
import { explainPlan } from './report/explain-plan.js';
import { report, type SyncReport } from './report/report.js';
import { type Staged, stage } from './stage/index.js';
import type { SyncContext } from './sync-context.js';

/**
 * How often a plan is made anew because the roster changed after it was made; then what no longer fits is
 * left out.
 */
const MAX_PLANS = 3;
/** How long a run lasts at least whose steps are told as they begin, in milliseconds. */
const SHORT_MS = 300;

/**
 * One run of a source: read, stage, plan, guard, apply, report. Nothing of the roster is written before
 * apply, and all of it there. A preview ends before apply, and so does a plan that the guard holds;
 * `approvePlan` goes on from there.
 */
export async function runPipeline(
  context: SyncContext,
  source: RecordSource,
  policy: SyncPolicy,
): Promise<SyncReport> {
  const { database, runs, run, lease } = context;
  const spec = specOf(run);
  const issues = new IssueLog({
    database,
    lease,
    integrationId: run.integrationId,
    runId: run.id,
    source: spec.table,
  });
  await beginAnew(context);
  try {
    const staged = await timed(context, 'readMs', 'READ', () =>
      stage({ ...context, spec, source, policy, issues, onPage: progress(context) }),
    );
    await planAndApply(context, { staged, policy, issues });
    await recallRows({ database, run, source, issues });
    if (run.status === 'HELD') {
      await lease.transaction(async () => {
        if (run.pushed || run.externalIds) await runs.supersedeSame(run);
        else if (isNewReading(run, staged)) await runs.supersede(run);
      });
    }
    return await report(database, run);
  } finally {
    await endStaging(context, issues);
  }
}

/** Some records, pushed or read one by one, are no new reading. */
function isNewReading(run: SyncRun, { partial }: Staged): boolean {
  return run.kind === 'SYNC' && !partial;
}

/**
 * Plans, judges and applies; anew when somebody changed the roster between the plan and its turn to be
 * applied.
 */
async function planAndApply(
  context: SyncContext,
  { staged, policy, issues }: { staged: Staged; policy: SyncPolicy; issues: IssueLog },
): Promise<void> {
  const { database, runs, run, lease } = context;
  const found = await issues.mark();
  // What planning adds to them belongs to one plan.
  const { failed } = run.membershipCounts;
  const evidence = structuredClone(run.evidence);
  let planned: Planned | undefined;
  for (let round = 1; ; round++) {
    const before = planned;
    const made = await timed(context, 'planMs', 'PLAN', () =>
      lease.transaction(() => {
        run.membershipCounts.failed = failed;
        run.evidence = structuredClone(evidence);
        return makePlan(context, staged, policy, before);
      }),
    );
    planned = made;
    // Only now is it sure that the plan is there.
    Object.assign(staged, { drafted: made.drafted, rows: made.rows });
    await issues.rewind(found);
    await explainPlan({ ...context, spec: specOf(run) }, issues, staged, made);
    countPlan(run, staged, made, issues);
    const mayBeRenumbered = made.conflicts.length > 0 && made.impact.leaving > 0;
    const held = judge(made.impact, {
      evidence: run.evidence,
      policy,
      override: run.guard,
      noun: specOf(run).noun,
      partial: staged.partial,
      baseline: await loadBaseline(database, { run, spec: specOf(run), policy, impact: made.impact }),
      renumbered: mayBeRenumbered ? await countLeavingRenumbered(database, run) : 0,
    });
    run.error = held ?? null;
    if (run.kind === 'PREVIEW' || held) {
      run.status = run.kind === 'PREVIEW' ? 'PREVIEWED' : 'HELD';
      return;
    }
    const isApplied = await timed(context, 'applyMs', 'APPLY', () =>
      lease.transaction(async () => {
        await lockInstitution(database, run.institutionId);
        const isCurrent = (await positionOf(database, run.institutionId)) === run.plannedPosition;
        if (!isCurrent && round < MAX_PLANS) return false;
        // Before this run's own row is written: whoever approves a plan locks the plan first, too.
        if (isNewReading(run, staged)) await runs.supersede(run);
        await apply(context, made);
        await keepStep(database, run, made.impact);
        if (made.created + made.updated + made.conflicts.length < staged.staged)
          await keepDigests(database, run, specOf(run), staged.lastSeq);
        await announceRun(database, run);
        return true;
      }),
    );
    if (!isApplied) continue;
    Object.assign(run, { stage: 'REPORT', status: 'COMPLETED' });
    return;
  }
}

/** How many of those whom a plan takes for gone have a row under another id. */
async function countLeavingRenumbered(database: Database, run: SyncRun): Promise<number> {
  return (await findRenumberedIn(database, run)).filter(({ isLeaving }) => isLeaving).length;
}

/** The second half for a plan that a person looked at: applies it as it stands. */
export async function approvePlan(context: SyncContext): Promise<SyncReport> {
  const { database, run } = context;
  if (run.plannedChanges !== null && run.plannedChanges !== (await countChanges(database, run))) {
    throw new ServiceError('failed_precondition', 'The plan is no longer whole. Discard it and sync again.', {
      reason: 'PLAN_INCOMPLETE',
    });
  }
  await applyPlan(context);
  return report(database, run);
}

/** Applies the plan of a run, made in a transaction before. */
export async function applyPlan(context: SyncContext): Promise<void> {
  const { database, run, lease } = context;
  const counts = { ...run.counts };
  await timed(context, 'applyMs', 'APPLY', () =>
    lease.transaction(async () => {
      // What is done again is not counted again.
      Object.assign(run.counts, counts);
      await lockInstitution(database, run.institutionId);
      await apply(context);
      await announceRun(database, run);
    }),
  );
  Object.assign(run, { stage: 'REPORT', status: 'COMPLETED', error: null });
}

/**
 * The end of a run whose process died after its last write: only what it had staged is deleted, and nothing
 * done again.
 */
export async function finishApplied(context: SyncContext): Promise<SyncReport> {
  await clearStaged(context);
  return report(context.database, Object.assign(context.run, { status: 'COMPLETED', error: null }));
}

/** A run that was lost leaves what it staged to the process that has it now. */
async function endStaging(context: SyncContext, issues: IssueLog): Promise<void> {
  if (context.lease.signal.aborted) return;
  await issues.flush();
  await clearStaged(context);
}

async function clearStaged({ database, run, lease }: SyncContext): Promise<void> {
  await lease.transaction(() =>
    database.execute('DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $2', [
      run.integrationId,
      run.id,
    ]),
  );
}

/** A run that was claimed again begins from its source: what an earlier attempt left is deleted. */
export async function beginAnew({ database, run, lease }: SyncContext): Promise<void> {
  Object.assign(run, {
    counts: noCounts(),
    membershipCounts: noCounts(),
    timings: noTimings(),
    evidence: noEvidence(),
    plannedPosition: null,
    plannedChanges: null,
    stage: 'READ',
  });
  if (run.attempt === 1) return;
  await lease.transaction(async () => {
    for (const table of ['sync_staged', 'sync_changes', 'sync_issues']) {
      await database.execute(`DELETE FROM ${table} WHERE integration_id = $1 AND run_id = $2`, [
        run.integrationId,
        run.id,
      ]);
    }
  });
}

/** A step, which a run that is to stop does not begin. */
async function timed<T>(
  context: SyncContext,
  step: keyof SyncRun['timings'],
  stageName: SyncRun['stage'],
  work: () => Promise<T>,
): Promise<T> {
  const { run, runs } = context;
  throwIfOver(context);
  run.stage = stageName;
  // Nobody sees the steps of a run that is over at once.
  if (Date.now() - run.startedAt.getTime() > SHORT_MS) runs.saveStage(context);
  const start = performance.now();
  try {
    return await operations.step.observe({ name: stageName }, work);
  } finally {
    run.timings[step] = Math.round(performance.now() - start);
  }
}

/** Says how far the run is, at most every half second. */
function progress(context: SyncContext): () => Promise<void> {
  const start = performance.now();
  let last = start;
  return async () => {
    throwIfOver(context);
    const now = performance.now();
    if (now - last < 500) return;
    last = now;
    const { run } = context;
    const { rows, declaredTotal } = run.evidence;
    run.progress = {
      rowsRead: rows,
      rowsTotal: declaredTotal,
      rowsPerSecond: Math.round(rows / ((now - start) / 1_000)),
    };
    await context.runs.saveProgress(context);
  };
}
