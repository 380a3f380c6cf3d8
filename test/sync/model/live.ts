import type { Database } from '../../../src/database/index.js';
import { MappingEntityType } from '../../../src/index.js';
import type { History } from './history.js';
import { checkIdentity } from './identity-rules.js';
import { Memory } from './memory.js';
import { require } from './rule.js';
import { checkAlways, checkEdits, checkGuard, checkReading, checkTakenBack } from './rules.js';
import { checkAnswers, checkNothingNew, checkSuperseded, checkUndisturbed } from './run-rules.js';
import type { ModelSchool } from './school.js';
import { isOfSome } from './school-system.js';
import { contentOf, differenceOf, FeedReplica, type Run, type Snapshot } from './snapshot.js';
import { copyOf, type Start } from './start.js';
import type { Step } from './step.js';

const { STUDENT } = MappingEntityType;

/** Lives a history on a real database, and checks after each step what must hold. Throws what does not. */
export async function live(database: Database, start: Start, { steps }: History): Promise<void> {
  const school = await copyOf(database, start);
  const memory = new Memory();
  const feed = new FeedReplica();
  let before = await school.snapshot();
  memory.noteStart(school, before);
  const afterStep = async (step: Step) => {
    const after = await school.snapshot();
    memory.noteStep(step, school, before, after);
    checkAlways(after, memory);
    checkStep({ step, school, memory, before, after });
    // What the feed says too much shows the next time that the roster changes, and at the end.
    if (isChanged(before, after)) await readFeed(after);
    before = after;
  };
  const readFeed = async (now: Snapshot) => {
    await feed.readOn(database, school.institutionId);
    const difference = differenceOf(feed, now);
    require(difference === undefined, () => difference as string);
  };
  for (const [index, step] of steps.entries()) {
    try {
      await school.perform(step, before);
      await afterStep(step);
    } catch (error) {
      throw new Error(`step ${index + 1} (${step.do}): ${(error as Error).message}`, { cause: error });
    }
  }
  try {
    const known = before.runs;
    await school.settle(0, STUDENT);
    const last = steps.at(-1);
    await afterStep({
      do: 'sync',
      of: 0,
      scope: STUDENT,
      changes: [],
      how: school.integrations[0].how,
      trouble: null,
    });
    if (last && hasReadAll(last, known)) {
      for (const run of before.runs) if (!known.some(({ id }) => id === run.id)) checkNothingNew(run);
    }
    await readFeed(before);
    await checkEnd(database, school, feed, before);
  } catch (error) {
    throw new Error(`at the end: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether a step read all students of the first integration and did what that came to, without any trouble. */
function hasReadAll(step: Step, runs: readonly Run[]): boolean {
  const isRead =
    (step.do === 'sync' && step.how.entities === 'whole' && step.how.memberships === 'whole') ||
    (step.do === 'preview' && step.ending === 'approve');
  if (!isRead || step.of !== 0 || step.trouble !== null) return false;
  return (
    runs.findLast(({ entityType }) => entityType === STUDENT)?.status === 'COMPLETED' &&
    (step.scope === STUDENT || step.scope === 'ALL')
  );
}

interface StepCheck {
  step: Step;
  school: ModelSchool;
  memory: Memory;
  before: Snapshot;
  after: Snapshot;
}

/** What one step must have done. */
function checkStep(check: StepCheck): void {
  const { step, school, memory, before, after } = check;
  const isNew = ({ id, status }: Run) => before.runs.find((run) => run.id === id)?.status !== status;
  const ended = after.runs.filter(isNew);
  const applied = ended.filter(({ position }) => position !== null);
  checkAnswers(school.takeAnswers(), after);
  if (step.do !== 'sync both') checkIdentity(before, after, memory);
  for (const run of ended) {
    if (run.isApproved && run.status === 'COMPLETED')
      memory.guardSteps.delete(`${run.integrationId} ${run.entityType}`);
    checkRun(check, run, applied);
  }
  forgetTakenBack(memory, ended);
  const isBySystem =
    step.do === 'sync' || step.do === 'push' || step.do === 'preview' || step.do === 'sync both';
  if (isBySystem) checkEdits(school.integrations, before, after);
  checkAsked(check, ended);
  // The one run, parts and all, that alone was applied.
  const tops = new Set(applied.map((run) => run.parentId ?? run.id));
  const only = tops.size === 1 ? after.runs.find(({ id }) => tops.has(id)) : undefined;
  const back = ended.find(({ parentId, rollsBack }) => !parentId && rollsBack === memory.lastRun?.id);
  // One that did nothing at all has left all as it was after its run.
  if (back && memory.lastRun && isWhole(back) && [...tops].every((id) => id === back.id))
    checkTakenBack(memory.lastRun.before, after);
  if (only && (step.do === 'sync' || step.do === 'preview')) memory.lastRun = { id: only.id, before };
  else if (isChanged(before, after)) memory.lastRun = undefined;
}

function isChanged(before: Snapshot, after: Snapshot): boolean {
  return contentOf(before).join() !== contentOf(after).join();
}

/** Whether a rollback took all of its run back. */
function isWhole({ status, rollsBack, counts, membershipCounts }: Run): boolean {
  const left = [counts, membershipCounts].reduce((sum, { failed, moved }) => sum + failed + moved, 0);
  return rollsBack !== null && status === 'COMPLETED' && left === 0;
}

function checkRun(
  { step, school, memory, before, after }: StepCheck,
  run: Run,
  applied: readonly Run[],
): void {
  const integration = school.integrations.find(({ id }) => id === run.integrationId);
  if (!integration || run.rollsBack || run.kind === 'MANUAL') return;
  const isOfReading = run.kind === 'SYNC' && !run.pushed && (step.do === 'sync' || step.do === 'sync both');
  if (isOfReading && (run.status === 'COMPLETED' || run.status === 'HELD') && !isOfSome(integration.how))
    checkSuperseded(after, run);
  if (run.status !== 'COMPLETED' || run.entityType === 'ALL') return;
  const type = run.entityType;
  const check = { integration, type, run, before, after, memory };
  // Where several runs of the type were applied, nobody can tell which of them did what.
  const hasMet = 'trouble' in step && step.trouble?.kind === 'met';
  const isAlone = applied.filter(({ entityType }) => hasMet || entityType === type).length === 1;
  if (!isAlone) return;
  const isAtOnce = step.do === 'preview' && step.ending === 'approve' && !run.rollsBack;
  if (isOfReading || isAtOnce) checkReading(check);
  if ((isOfReading || isAtOnce) && 'trouble' in step && step.trouble === null) checkUndisturbed(run);
  if (run.kind === 'SYNC' && !run.isApproved) checkGuard(check);
}

/** Runs that were taken back do not add up. */
function forgetTakenBack(memory: Memory, ended: readonly Run[]): void {
  const back = new Set(
    ended.flatMap(({ status, rollsBack }) => (status === 'COMPLETED' && rollsBack ? rollsBack : [])),
  );
  for (const [key, steps] of memory.guardSteps)
    memory.guardSteps.set(
      key,
      steps.filter(({ runId, parentId }) => !back.has(runId) && !(parentId && back.has(parentId))),
    );
}

/** A run ends as what it was asked for, whatever happened to its process. */
function checkAsked({ step, school }: StepCheck, ended: readonly Run[]): void {
  if (!('trouble' in step) || step.trouble?.kind === 'deleted') return;
  const what = (run: Run) => `${run.kind} of ${run.entityType} ended ${run.status}: ${run.error}`;
  for (const run of ended) {
    const integration = school.integrations.find(({ id }) => id === run.integrationId);
    const breaks = run.kind === 'SYNC' && integration?.how.entities === 'breaks';
    const isLost = run.pushed && step.trouble !== null && run.status === 'FAILED';
    const hasMet = step.trouble?.kind === 'met' && run.error?.includes('already running');
    if (breaks || isLost || hasMet || run.status === 'DISCARDED') continue;
    const good: Record<Run['kind'], readonly Run['status'][]> = {
      SYNC: ['COMPLETED', 'HELD'],
      PREVIEW: run.isApproved ? ['COMPLETED'] : ['PREVIEWED'],
      ROLLBACK: ['COMPLETED'],
      MANUAL: ['COMPLETED'],
    };
    require(good[run.kind].includes(run.status), () => what(run));
    if (run.isApproved) require(run.status === 'COMPLETED', () => `an approved ${what(run)}`);
  }
}

const BELONGINGS = [
  'integration_mappings',
  'sync_runs',
  'sync_changes',
  'sync_staged',
  'sync_issues',
  'sync_conflicts',
  'leases',
  'memberships',
];

/** What only shows at the end: the feed as a whole, the lists, and what is left of deleted integrations. */
async function checkEnd(
  database: Database,
  school: ModelSchool,
  feed: FeedReplica,
  now: Snapshot,
): Promise<void> {
  const { institutionId, roster, deletedIds } = school;
  const again = new FeedReplica();
  await again.readOn(database, institutionId, 30);
  require(JSON.stringify(again.entries) === JSON.stringify(feed.entries), () =>
    'the feed is not what it was');
  const active = new Set(now.entities.filter(({ fields }) => fields.active).map(({ id }) => id));
  for (const { groupId, personId } of (await roster.listMemberships({ institutionId })).items)
    require(active.has(groupId) && active.has(personId), () => 'a membership is listed of what is inactive');
  if (deletedIds.length === 0) return;
  const left = BELONGINGS.map(
    (table) => `SELECT '${table}' AS name FROM ${table} WHERE integration_id = ANY($1::uuid[])`,
  );
  const [row] = await database.query<{ name: string }>(`${left.join(' UNION ')} LIMIT 1`, [deletedIds]);
  require(row === undefined, () => `${row?.name} has rows of an integration that was deleted`);
}
