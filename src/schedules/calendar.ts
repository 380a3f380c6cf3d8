import { Worker } from 'node:worker_threads';
import pLimit from 'p-limit';
import { invalidFields } from '../errors.js';
import type { CalendarRead, CalendarToRead } from './calendar-worker.js';
import type { Blackout } from './schedule.js';

/** How long a calendar may take to be read, in milliseconds, and how much memory, in MB. */
const MOST_MS = 5_000;
const MOST_MB = 128;

const inTurn = pLimit(1);

/**
 * The events of an iCalendar file (RFC 5545) that are not over yet, as blackouts: those of whole days as days,
 * others from their beginning to their end. In a thread of its own, which is ended when it takes too long: a rule
 * of repetition that never comes true is looked for until the end of time. Throws `invalid_argument` when the
 * text is no calendar, or one that cannot be read. `timeZone`, a zone that is known: of times that name none.
 */
export async function readCalendar(
  text: string,
  { now, timeZone, mostMs = MOST_MS }: Omit<CalendarToRead, 'text'> & { mostMs?: number },
): Promise<Blackout[]> {
  const { blackouts, problem } = await inTurn(() => readApart({ text, now, timeZone }, mostMs));
  if (blackouts) return blackouts;
  throw invalidFields([{ field: 'calendar', description: problem }]);
}

function readApart(workerData: CalendarToRead, mostMs: number): Promise<CalendarRead> {
  const worker = new Worker(new URL('./calendar-worker.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MOST_MB },
  });
  return new Promise<CalendarRead>((resolve, reject) => {
    const timer = setTimeout(
      () =>
        resolve({
          problem: `takes more than ${mostMs / 1_000} seconds to be read: an event of it repeats too often, or by a rule that never comes true`,
        }),
      mostMs,
    );
    worker.once('message', resolve);
    worker.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') resolve({ problem: 'takes too much memory to be read' });
      else reject(error);
    });
    worker.once('exit', () => clearTimeout(timer));
  }).finally(() => worker.terminate());
}
