import { require } from './rule.js';
import type { Answer } from './school.js';
import type { Run, Snapshot } from './snapshot.js';

/* What becomes of runs. */

/** Nothing is under way, what ended left nothing behind, and counts add up. */
export function checkRuns({ runs, leases }: Snapshot): void {
  require(leases === 0, () => `${leases} leases are left`);
  for (const run of runs) {
    const what = `${run.kind} of ${run.entityType} (${run.status})`;
    require(run.status !== 'RUNNING', () => `${what} is still under way`);
    const isWaiting = run.status === 'PREVIEWED' || run.status === 'HELD';
    require(!run.isApproved || !isWaiting, () => `${what} was approved, and waits for a decision`);
    require(run.staged === 0, () => `${what} left ${run.staged} staged rows`);
    checkPart(run, runs);
    require(!run.error?.includes('internal error'), () => `${what} failed by a fault of the service`);
    if (run.rollsBack || run.kind === 'MANUAL' || run.status === 'FAILED') continue;
    for (const { read, created, updated, unchanged, failed, conflicts } of [run.counts]) {
      const sum = created + updated + unchanged + failed + conflicts;
      require(read === sum, () =>
        `${what} read ${read} and accounts for ${sum}: ${JSON.stringify(run.counts)}`);
    }
    for (const [name, count] of Object.entries({ ...run.counts, ...run.membershipCounts }))
      require(count >= 0, () => `${what} counts ${count} ${name}`);
    if (run.parentId || run.entityType !== 'ALL' || run.status !== 'HELD') continue;
    const waits = runs.some(({ parentId, status }) => parentId === run.id && status === 'HELD');
    require(waits, () => `${what} waits for a decision, and none of its parts does`);
  }
}

/** A part does what its run was asked for; and what takes everything back takes back each part of it that was done. */
function checkPart(run: Run, runs: readonly Run[]): void {
  const whole = runs.find(({ id }) => id === run.parentId);
  if (whole) {
    const isThat = run.kind === whole.kind && (run.rollsBack !== null) === (whole.rollsBack !== null);
    require(isThat, () => `a ${run.kind} of ${run.entityType} is part of a ${whole.kind}`);
  }
  if (run.entityType !== 'ALL' || run.rollsBack === null || run.status !== 'COMPLETED') return;
  for (const part of runs) {
    if (part.parentId !== run.rollsBack || part.status !== 'COMPLETED') continue;
    const isTakenBack = runs.some(({ parentId, rollsBack }) => parentId === run.id && rollsBack === part.id);
    require(isTakenBack, () => `a ${run.kind} of everything left ${part.entityType} as it was`);
  }
}

/** A plan that the guard held waits only until the source is read anew. */
export function checkSuperseded({ runs }: Snapshot, newer: Run): void {
  for (const run of runs) {
    const isSame = run.integrationId === newer.integrationId && run.entityType === newer.entityType;
    const isOlder = run.id !== newer.id && run.startedAt < newer.startedAt;
    require(!isSame || !isOlder || run.status !== 'HELD', () =>
      `a HELD run of ${run.entityType} outlived a newer reading`);
  }
}

/** A sync that nobody disturbed does all that it planned. */
export function checkUndisturbed(run: Run): void {
  const moved = run.counts.moved + run.membershipCounts.moved;
  require(moved === 0, () =>
    `${moved} changes of ${run.entityType} were left out, and nobody was in the way`);
}

/** Of what was read before, and is as it was, nothing is new: not to a roster that only this source writes. */
export function checkNothingNew(run: Run): void {
  const { counts, membershipCounts } = run;
  const news = [
    counts.created,
    counts.updated,
    membershipCounts.created,
    membershipCounts.updated,
    membershipCounts.deactivated,
  ];
  require(news.every((count) => count === 0), () =>
    `the source was read again as it was, and that changed something: ${JSON.stringify({ counts, membershipCounts })}`);
}

/** Who asks for a run is answered with a run of what was asked for. */
export function checkAnswers(answers: readonly Answer[], { runs }: Snapshot): void {
  for (const { runId, kind, rollsBack, entityType } of answers) {
    const run = runs.find(({ id }) => id === runId);
    // Its integration was deleted.
    if (!run) continue;
    const isThat = run.kind === kind && run.rollsBack === rollsBack && run.entityType === entityType;
    require(isThat, () => {
      return `a ${kind} of ${entityType} was asked for, and the answer was a ${run.kind} of ${run.entityType}`;
    });
  }
}
