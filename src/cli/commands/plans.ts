import {
  SyncChange_Action as Action,
  MappingEntityType,
  SyncRun_Status as Status,
  type SyncRun,
} from '../../../clients/typescript/src/node.js';
import { agreeTo } from '../ask.js';
import { EXIT } from '../exit-codes.js';
import { reasonsOf } from '../next-steps.js';
import { printLine, printList, printMessage, remark } from '../output.js';
import { inTurn, runsWithRows, runWithParts } from '../parts.js';
import { exitCodeOf } from '../run-exit-code.js';
import { asJson, type Session } from '../session.js';
import { firstOf, optionalEnum } from '../values.js';

const COLUMNS = ['number', 'action', 'entity', 'externalId', 'before', 'after', 'outcome'];

export async function showPlan(
  session: Session,
  [id = '', runId = '']: string[],
  options: { action?: string; limit?: string },
) {
  const { json } = session;
  const action = optionalEnum(Action, options.action, '--action');
  const changes = firstOf(changesOf(session, { id, runId, ...(action && { action }) }), options.limit);
  if (!json) await sayWhatItIs(session, id, runId);
  return printList({ json }, changes, COLUMNS);
}

async function* changesOf(session: Session, request: { id: string; runId: string; action?: Action }) {
  const { id, runId } = request;
  yield* inTurn(await runsWithRows(session, id, runId), (part) =>
    session.api.each.listSyncChanges({ ...request, runId: part, pageSize: 1_000 }),
  );
}

async function sayWhatItIs(session: Session, id: string, runId: string): Promise<SyncRun | undefined> {
  const { run, parts } = await runWithParts(session, id, runId);
  if (!run) return undefined;
  remark(`${MappingEntityType[run.entityType]} ${Status[run.status]}: ${countsOf(run)}.`);
  for (const reason of reasonsOf(run, parts)) remark(reason);
  return run;
}

function countsOf({ counts, membershipCounts }: SyncRun): string {
  const words = (of: SyncRun['counts'], kind: string) =>
    Object.entries(of ? asJson(of) : {})
      .filter(([name]) => name !== 'read' && name !== 'unchanged')
      .map(([name, count]) => `${count} ${kind}${name}`);
  return [...words(counts, ''), ...words(membershipCounts, 'memberships ')].join(', ') || 'no changes';
}

export async function approvePlan(
  session: Session,
  [id = '', runId = '']: string[],
  { reason = '', rekey = false, yes }: { reason?: string; rekey?: boolean; yes?: boolean },
) {
  const run = await sayWhatItIs(session, id, runId);
  await agreeTo(`Apply this plan (${run ? countsOf(run) : ''})?`, yes);
  const { run: done } = await session.api.approveSync({ id, runId, reason, rekey });
  return printOutcome(session, done);
}

export async function discardPlan(
  { api, json }: Session,
  [id = '', runId = '']: string[],
  { reason = '' }: { reason?: string },
) {
  const { run } = await api.discardSync({ id, runId, reason });
  return json ? printMessage(run) : printOutcomeLine(run);
}

export function listRekeys({ api, json }: Session, [id = '', runId = '']: string[]) {
  const rekeys = api.each.listRekeys({ id, runId, pageSize: 1_000 });
  return printList({ json }, rekeys, ['externalId', 'newExternalId', 'givenName', 'familyName', 'rule']);
}

export async function rollback(
  session: Session,
  [id = '', runId = '']: string[],
  { preview = false, yes }: { preview?: boolean; yes?: boolean },
) {
  const { api, json } = session;
  const planned = await api.rollbackSync({ id, runId, preview: true });
  const plan = planned.run;
  if (!preview) {
    if (plan) remark(`Taking it back: ${countsOf(plan)}.`);
    try {
      await agreeTo('Take back this run?', yes);
    } catch (error) {
      // Nobody is to find a plan that was only made to be shown.
      await api.discardSync({ id, runId: plan?.id ?? '', reason: 'smartid rollback: not agreed to' });
      throw error;
    }
    // The plan that was shown is the one that is applied.
    const { run } = await api.approveSync({ id, runId: plan?.id ?? '', reason: 'smartid rollback' });
    return printOutcome(session, run);
  }
  if (json) return printMessage(plan);
  if (plan) remark(`Taking it back: ${countsOf(plan)}.`);
  printLine(`smartid plan show ${id} ${plan?.id}`);
  return EXIT.done;
}

function printOutcome({ json }: Session, run: SyncRun | undefined): number {
  if (json) printMessage(run);
  else printOutcomeLine(run);
  if (!run) return EXIT.failed;
  const failed = run.counts?.failed ?? 0;
  // Of a rollback its changes say why, with their outcome; of a sync its issues, which are those of rows.
  const why = run.rolledBackRunId === undefined ? 'issues' : 'plan show';
  if (failed > 0) remark(`${failed} failed. Why: smartid ${why} ${run.integrationId} ${run.id}`);
  return exitCodeOf(run, []);
}

function printOutcomeLine(run: SyncRun | undefined): number {
  if (!run) return EXIT.failed;
  printLine(`${Status[run.status]} ${run.id}`);
  for (const reason of reasonsOf(run, [])) remark(reason);
  return EXIT.done;
}
