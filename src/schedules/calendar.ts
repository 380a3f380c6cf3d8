import ICAL from 'ical.js';
import { invalidFields } from '../errors.js';
import type { Blackout } from './schedule.js';

/** Events that repeat are taken for so many years from now. */
const YEARS = 3;
const MOST_EVENTS = 1_000;
const MOST_NAME = 200;

/**
 * The events of an iCalendar file (RFC 5545) that are not over yet, as blackouts: those of whole days as days,
 * others from their beginning to their end. Throws `invalid_argument` when the text is no calendar.
 */
export function readCalendar(text: string, now: Date): Blackout[] {
  const calendar = parse(text);
  const until = new Date(now);
  until.setUTCFullYear(until.getUTCFullYear() + YEARS);
  const zones = calendar.getAllSubcomponents('vtimezone').map((zone) => new ICAL.Timezone(zone));
  for (const zone of zones) ICAL.TimezoneService.register(zone);
  try {
    return (
      calendar
        .getAllSubcomponents('vevent')
        .map((component) => new ICAL.Event(component))
        // What was moved comes with the event that it belongs to.
        .filter(
          (event) =>
            !event.isRecurrenceException() && event.component.getFirstPropertyValue('status') !== 'CANCELLED',
        )
        .flatMap((event) => readable(event, () => occurrencesOf(event, now, until)))
        .sort((a, b) => (a.from < b.from ? -1 : 1))
        .slice(0, MOST_EVENTS + 1)
    );
  } finally {
    for (const { tzid } of zones) ICAL.TimezoneService.remove(tzid);
  }
}

function parse(text: string): ICAL.Component {
  try {
    const calendar = new ICAL.Component(ICAL.parse(text));
    if (calendar.name === 'vcalendar') return calendar;
  } catch {
    // Told below.
  }
  throw invalidFields([
    {
      field: 'calendar',
      description: 'must be one calendar in the iCalendar form: a text from BEGIN:VCALENDAR to END:VCALENDAR',
    },
  ]);
}

function readable(event: ICAL.Event, read: () => Blackout[]): Blackout[] {
  try {
    return read();
  } catch (error) {
    const what = `the event "${event.summary ?? ''}" (UID ${event.uid ?? 'missing'}) cannot be read: ${error instanceof Error ? error.message : error}`;
    throw invalidFields([{ field: 'calendar', description: what }]);
  }
}

function occurrencesOf(event: ICAL.Event, now: Date, until: Date): Blackout[] {
  const found: Blackout[] = [];
  if (!event.startDate) throw new Error('it has no DTSTART');
  const iterator = event.iterator();
  // Bounded, as a rule may say every second since 1970.
  for (let steps = 0; steps < MOST_EVENTS * 20 && found.length <= MOST_EVENTS; steps++) {
    const start = iterator.next();
    if (!start || (event.isRecurring() && start.toJSDate() > until)) break;
    const { startDate, endDate, item } = event.getOccurrenceDetails(start);
    if (endDate.toJSDate() > now)
      found.push(toBlackout(item.summary || event.summary || 'calendar', startDate, endDate));
  }
  return found;
}

function toBlackout(summary: string, start: ICAL.Time, end: ICAL.Time): Blackout {
  const name = summary.slice(0, MOST_NAME);
  if (!start.isDate) return { name, from: start.toJSDate().toISOString(), to: end.toJSDate().toISOString() };
  // The end of an event of whole days is the day after its last one.
  const last = end.clone();
  last.adjust(-1, 0, 0, 0);
  const to = last.compare(start) < 0 ? start : last;
  return { name, from: start.toString(), to: to.toString() };
}
