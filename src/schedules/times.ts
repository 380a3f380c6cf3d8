import { Cron } from 'croner';
import { type Blackout, isOfDays, type ScheduleSettings, type Timing } from './schedule.js';
import { WallClock } from './wall-clock.js';

const DAY_MS = 24 * 60 * 60 * 1_000;
const QUARTER_MS = 15 * 60 * 1_000;
/** Nothing further away is looked for: a schedule that is blacked out for so long has no next time. */
const HORIZON_MS = 10 * 366 * DAY_MS;
/** Times that are looked at: more than there are blackouts and times to be found. */
const MOST_STEPS = 5_000;

/** Patterns for each hour of a day, whatever the clocks call it. */
const EACH_HOUR = /^(@hourly|\S+\s+(\*|\?|\*\/1|0-23)\s.*)$/i;

/** The pattern of a schedule. Throws with a sentence when it is none, or there is no such zone. */
export function patternOf({ cron, timeZone }: Pick<Timing, 'cron' | 'timeZone'>): Cron {
  return new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true });
}

/**
 * Tells the next time of a pattern after a moment. Times that the clocks skip are made up for together, after them,
 * and those that they repeat count once. A pattern for each hour goes by the hours that pass instead.
 */
function timesOf({ cron, timeZone }: Timing): (after: Date) => Date | null {
  if (EACH_HOUR.test(cron.trim())) {
    const pattern = patternOf({ cron, timeZone });
    return (after) => pattern.nextRun(after);
  }
  const clock = new WallClock(timeZone);
  // What the clocks show is looked for where no clock changes.
  const pattern = patternOf({ cron, timeZone: 'UTC' });
  return (after) => {
    let wall = pattern.nextRun(new Date(clock.shown(after.getTime())));
    while (wall) {
      const next = clock.instantOf(wall.getTime());
      if (next > after.getTime()) return new Date(next);
      // The clocks show it for the second time.
      wall = pattern.nextRun(wall);
    }
    return null;
  };
}

/**
 * The next times after a moment at which something starts, `count` at most: those of the pattern that are in no
 * blackout and after the pause.
 */
export function nextTimes(timing: Timing, after: Date, count: number): Date[] {
  const { blackouts, timeZone, pausedUntil } = timing;
  const nextAfter = timesOf(timing);
  const dayOf = dayIn(timeZone);
  const found: Date[] = [];
  // A time at the very end of the pause is good.
  let last = new Date(Math.max(after.getTime(), (pausedUntil?.getTime() ?? 0) - 1));
  const end = after.getTime() + HORIZON_MS;
  for (let steps = 0; found.length < count && steps < MOST_STEPS; steps++) {
    const next = nextAfter(last);
    if (!next || next.getTime() > end) break;
    const day = dayOf(next);
    const over = blackouts.find((blackout) => isWithin(next, day, blackout));
    if (!over) found.push(next);
    last = over ? endOf(over, next, dayOf) : next;
  }
  return found;
}

/** The blackout that a moment lies in. */
export function blackoutAt(
  time: Date,
  { blackouts, timeZone }: Pick<Timing, 'blackouts' | 'timeZone'>,
): Blackout | undefined {
  if (blackouts.length === 0) return undefined;
  const day = dayIn(timeZone)(time);
  return blackouts.find((blackout) => isWithin(time, day, blackout));
}

/** A time with a jitter by chance, which leads into no blackout. */
export function startOf(time: Date, settings: ScheduleSettings): Date {
  let jitter = Math.random() * settings.jitterSeconds * 1_000;
  // The time itself is in none.
  while (jitter >= 1 && blackoutAt(new Date(time.getTime() + jitter), settings)) jitter /= 2;
  return new Date(time.getTime() + jitter);
}

/** `day`: that of the time, in the zone of the schedule. */
function isWithin(time: Date, day: string, blackout: Blackout): boolean {
  const { from, to } = blackout;
  if (isOfDays(blackout)) return day >= from && day <= to;
  return time.getTime() >= Date.parse(from) && time.getTime() < Date.parse(to);
}

/** The last moment of a blackout that a time lies in: the rest of it need not be stepped through. */
function endOf(blackout: Blackout, time: Date, dayOf: (time: Date) => string): Date {
  if (!isOfDays(blackout)) return new Date(Date.parse(blackout.to) - 1);
  const days = (Date.parse(blackout.to) - Date.parse(dayOf(time))) / DAY_MS;
  // Days may have 23 or 25 hours, and begin at any quarter of an hour of UTC.
  const quarterAt = (quarter: number) => new Date(quarter * QUARTER_MS);
  let within = Math.floor((time.getTime() + Math.max(0, days - 1) * DAY_MS) / QUARTER_MS);
  let after = within + (3 * DAY_MS) / QUARTER_MS;
  while (after - within > 1) {
    const middle = Math.floor((within + after) / 2);
    if (dayOf(quarterAt(middle)) <= blackout.to) within = middle;
    else after = middle;
  }
  return new Date(quarterAt(after).getTime() - 1);
}

function dayIn(timeZone: string): (time: Date) => string {
  // This locale writes dates as ISO 8601 does.
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' });
  return (time) => format.format(time);
}
