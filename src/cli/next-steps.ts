import { SyncRun_Status as Status, type SyncRun } from '../../clients/typescript/src/node.js';

/** The reasons why a run did not go on, those of its parts too, each once. What was put away needs none any more. */
export function reasonsOf(run: SyncRun, parts: readonly SyncRun[]): string[] {
  const open = [run, ...parts].filter(({ status }) => status !== Status.DISCARDED);
  return [...new Set(open.flatMap(({ error }) => (error ? [error] : [])))];
}

/** What a person does next about a run, a sentence with a command each; none where all went well. */
export function nextStepsOf(run: SyncRun, parts: readonly SyncRun[]): string[] {
  const { integrationId: id, id: runId } = run;
  const all = [run, ...parts];
  const some = (name: 'failed' | 'warnings' | 'conflicts') =>
    all.some(({ counts, membershipCounts }) => (counts?.[name] ?? 0) + (membershipCounts?.[name] ?? 0) > 0);
  const steps: string[] = [];
  if (all.some(({ status }) => status === Status.HELD))
    steps.push(
      `What it would change: smartid plan show ${id} ${runId}`,
      `Decide on it: smartid plan approve ${id} ${runId}, or smartid plan discard ${id} ${runId}`,
    );
  if (some('failed') || some('warnings'))
    steps.push(`What was not right, row by row: smartid issues ${id} ${runId}`);
  if (some('conflicts')) steps.push(`Who is this? Decide it: smartid conflicts list ${id}`);
  return steps;
}
