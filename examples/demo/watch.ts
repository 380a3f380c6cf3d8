import { DemoError, type Rest } from './rest.js';

export interface Counts {
  read: number;
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  warnings: number;
  missing: number;
}

export interface Run {
  id: string;
  status: string;
  stage: string;
  trigger: string;
  counts: Counts;
  membershipCounts: Counts;
  error?: string;
  progress?: { rowsRead: number; rowsTotal?: number; rowsPerSecond: number; secondsLeft?: number };
}

/** Puts a sync into the queue and watches it to its end. */
export async function syncWatched(rest: Rest, integrationId: string, entityType: string): Promise<Run> {
  const run = await rest.post<Run>(`/integrations/${integrationId}/runs`, { entityType });
  return watch(rest, integrationId, run.id, entityType);
}

/** Watches a run until it has ended, with a line on a terminal that shows how far it is. */
export async function watch(rest: Rest, integrationId: string, runId: string, name: string): Promise<Run> {
  const isTerminal = process.stdout.isTTY;
  let last: Run | undefined;
  for await (const { run } of rest.events<{ run: Run }>(
    `/integrations/${integrationId}/runs/${runId}/watch`,
  )) {
    last = run;
    if (isTerminal) process.stdout.write(`\r\x1b[K${lineOf(name, run)}`);
  }
  if (isTerminal) process.stdout.write('\r\x1b[K');
  if (!last) throw new DemoError(`nothing was told of run ${runId}`);
  return last;
}

function lineOf(name: string, { status, stage, counts, progress }: Run): string {
  if (status === 'QUEUED') return `${name}: waits for its turn`;
  if (!progress || stage !== 'READ') return `${name}: ${stage.toLowerCase()}, ${counts.read} rows read`;
  const { rowsRead, rowsTotal, rowsPerSecond, secondsLeft } = progress;
  const left = secondsLeft === undefined ? '' : `, ${secondsLeft} s left`;
  const of = rowsTotal ? ` of ${rowsTotal} ${bar(rowsRead / rowsTotal)}` : '';
  return `${name}: ${rowsRead}${of} rows, ${rowsPerSecond} a second${left}`;
}

function bar(part: number): string {
  const width = 20;
  const full = Math.min(width, Math.round(part * width));
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}
