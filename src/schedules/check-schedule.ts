import { type FieldViolation, invalidFields } from '../errors.js';
import { requireStorable } from '../require-storable.js';
import { type Blackout, isOfDays, type ScheduleSettings } from './schedule.js';
import { nextTimes, patternOf } from './times.js';
import { isTimeZone } from './wall-clock.js';

const MOST_BLACKOUTS = 1_000;
const MOST_JITTER_SECONDS = 6 * 60 * 60;
const ANY_ZONE = 'UTC';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** Holds settings against what can be carried out. Throws `invalid_argument` that names every wrong field. */
export function checkSchedule(settings: ScheduleSettings): void {
  requireStorable(settings);
  const violations: FieldViolation[] = [];
  const { timeZone, blackouts, jitterSeconds } = settings;
  if (!isTimeZone(timeZone)) {
    violations.push({
      field: 'timeZone',
      description: `"${timeZone}" is not an IANA time zone such as America/Santiago`,
    });
  }
  const gap = shortestGap(settings);
  if (gap === undefined) {
    violations.push({
      field: 'cron',
      description: `"${settings.cron}" is no pattern of five fields that comes true: minute, hour, day of the month, month, day of the week, such as "30 2 * * *"`,
    });
  } else if (jitterSeconds >= Math.min(gap, MOST_JITTER_SECONDS)) {
    violations.push({
      field: 'jitterSeconds',
      description: `must be less than ${Math.min(gap, MOST_JITTER_SECONDS)}, so that one start does not come after the next`,
    });
  }
  if (!Number.isInteger(jitterSeconds) || jitterSeconds < 0)
    violations.push({ field: 'jitterSeconds', description: 'must be a whole number of seconds, 0 or more' });
  if (blackouts.length > MOST_BLACKOUTS)
    violations.push({ field: 'blackouts', description: `must be ${MOST_BLACKOUTS} at most` });
  blackouts.forEach((blackout, index) => {
    const description = problemOf(blackout);
    if (description) violations.push({ field: `blackouts[${index}]`, description });
  });
  if (violations.length > 0) throw invalidFields(violations, 'INVALID_SCHEDULE');
}

/** Seconds between two of its next times at least; undefined when the pattern is none or never comes true. */
function shortestGap({ cron }: ScheduleSettings): number | undefined {
  try {
    patternOf({ cron, timeZone: ANY_ZONE });
  } catch {
    return undefined;
  }
  const times = nextTimes(
    { cron, timeZone: ANY_ZONE, blackouts: [], pausedUntil: null },
    new Date('2026-01-01T00:00:00Z'),
    50,
  );
  if (times.length === 0) return undefined;
  const gaps = times.slice(1).map((time, index) => time.getTime() - (times[index] as Date).getTime());
  return Math.min(Number.POSITIVE_INFINITY, ...gaps) / 1_000;
}

function problemOf(blackout: Blackout): string | undefined {
  const { from, to } = blackout;
  const sort = isOfDays(blackout) ? isDay : isTime;
  if (!sort(from) || !sort(to)) {
    return `"${from}" and "${to}" must both be days, such as 2026-09-18, or both times, such as 2026-09-18T08:00:00-03:00`;
  }
  const isBackward = isOfDays(blackout) ? to < from : Date.parse(to) <= Date.parse(from);
  return isBackward ? `it ends (${to}) before it begins (${from})` : undefined;
}

/** JavaScript makes the 31st of February the 3rd of March. */
function isDay(text: string): boolean {
  const time = new Date(`${text}T00:00:00Z`);
  return (
    /^\d{4}-\d\d-\d\d$/.test(text) &&
    !Number.isNaN(time.getTime()) &&
    time.toISOString().slice(0, 10) === text
  );
}

function isTime(text: string): boolean {
  return TIME.test(text) && isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text));
}
