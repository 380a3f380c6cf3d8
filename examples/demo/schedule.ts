import { setTimeout as sleep } from 'node:timers/promises';
import { DemoError, type Rest } from './rest.js';
import { type Run, watch } from './watch.js';

interface Schedule {
  nextTimes: string[];
  lastRuns: { id: string }[];
  skippedBecause?: string;
}

/** A minute, and some for a busy machine. */
const PATIENCE_MS = 75_000;

/** Has students synced each minute. */
export async function setSchedule(rest: Rest, integrationId: string): Promise<void> {
  const { nextTimes } = await rest.put<Schedule>(pathOf(integrationId), {
    cron: '* * * * *',
    timeZone: 'America/Santiago',
  });
  console.log(`  students are synced each minute, next at ${nextTimes[0]}`);
}

/** Waits until a schedule has started a run, watches that, and takes the schedule away. */
export async function watchScheduled(rest: Rest, integrationId: string): Promise<Run> {
  const end = performance.now() + PATIENCE_MS;
  while (true) {
    const { lastRuns, skippedBecause } = await rest.get<Schedule>(pathOf(integrationId));
    if (lastRuns[0]) {
      const run = await watch(rest, integrationId, lastRuns[0].id, 'STUDENT');
      await rest.delete(pathOf(integrationId));
      return run;
    }
    if (skippedBecause) throw new DemoError(`the schedule started nothing: ${skippedBecause}`);
    if (performance.now() > end) throw new DemoError('the schedule did not start its run');
    await sleep(200);
  }
}

function pathOf(integrationId: string): string {
  return `/integrations/${integrationId}/schedules/STUDENT`;
}
