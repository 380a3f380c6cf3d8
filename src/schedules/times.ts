import { Cron } from 'croner';
import { type Blackout, isOfDays, type Timing } from './schedule.js';

const DAY_MS = 24 * 60 * 60 * 1_000;
const QUARTER_MS = 15 * 60 * 1_000;
/** Nothing further away is looked for: a schedule that is blacked out for so long has no next time. */
const HORIZON_MS = 10 * 366 * DAY_MS;
/** Times that are looked at: more than there are blackouts and times to be found. */
const MOST_STEPS = 5_000;

/** The pattern of a schedule. Throws with a sentence when it is none, or there is no such zone. */
export function patternOf({ cron, timeZone }: Pick<Timing, 'cron' | 'timeZone'>): Cron {
  return new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true });
}

/**
 * The next times after a moment at which something starts, `count` at most: those of the pattern that are in no
 * blackout and after the pause. An hour that the clocks skip is made up for after it, and one that they repeat
 * counts once.
 */
export function nextTimes(timing: Timing, after: Date, count: number): Date[] {
  const { blackouts, timeZone, pausedUntil } = timing;
  const pattern = patternOf(timing);
  const dayOf = dayIn(timeZone);
  const found: Date[] = [];
  // A time at the very end of the pause is good.
  let last = new Date(Math.max(after.getTime(), (pausedUntil?.getTime() ?? 0) - 1));
  const end = after.getTime() + HORIZON_MS;
  for (let steps = 0; found.length < count && steps < MOST_STEPS; steps++) {
    const next = pattern.nextRun(last);
    if (!next || next.getTime() > end) break;
    const over = blackouts.find((blackout) => isWithin(next, blackout, dayOf));
    if (!over) found.push(next);
    last = over ? skip(next, over, dayOf) : next;
  }
  return found;
}

function isWithin(time: Date, blackout: Blackout, dayOf: (time: Date) => string): boolean {
  const { from, to } = blackout;
  if (isOfDays(blackout)) return dayOf(time) >= from && dayOf(time) <= to;
  return time.getTime() >= Date.parse(from) && time.getTime() < Date.parse(to);
}

/** The last moment of a blackout: the rest of it need not be stepped through. */
function skip(time: Date, blackout: Blackout, dayOf: (time: Date) => string): Date {
  if (!isOfDays(blackout)) return new Date(Date.parse(blackout.to) - 1);
  const daysLeft = (Date.parse(blackout.to) - Date.parse(dayOf(time))) / DAY_MS;
  // Days may have 23 or 25 hours, and begin at any quarter of an hour of UTC.
  let at = time.getTime() + Math.max(0, daysLeft - 1) * DAY_MS;
  at -= at % QUARTER_MS;
  while (dayOf(new Date(at)) <= blackout.to) at += QUARTER_MS;
  return new Date(at - 1);
}

function dayIn(timeZone: string): (time: Date) => string {
  // This locale writes dates as ISO 8601 does.
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' });
  return (time) => format.format(time);
}
