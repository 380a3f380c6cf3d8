import ICAL from 'ical.js';
import { instantsIn, registerZones } from './calendar-zones.js';
import type { Blackout } from './schedule.js';

/** Why a text is no calendar, or none that can be read. */
export class UnreadableCalendarError extends Error {
  override readonly name = 'UnreadableCalendarError';
}

/** Events that repeat are taken for so many years from now. */
const YEARS = 3;
const MOST_EVENTS = 1_000;
const MOST_NAME = 200;
/** How often one event may repeat until then, since its beginning: a day for more than fifty years. */
const MOST_STEPS = 20_000;

/**
 * The events of an iCalendar file (RFC 5545) that are not over yet, as blackouts: those of whole days as days,
 * others from their beginning to their end; times without a zone are those of `timeZone`. Takes as long as its rules
 * of repetition want, and leaves its zones behind: for texts that anybody may send, `readCalendar`. Throws
 * UnreadableCalendarError.
 */
export function eventsOf(text: string, now: Date, timeZone: string): Blackout[] {
  const calendar = parse(text);
  const until = new Date(now);
  until.setUTCFullYear(until.getUTCFullYear() + YEARS);
  const unknown = registerZones(calendar);
  if (unknown.length > 0)
    throw new UnreadableCalendarError(
      `names the zone "${unknown[0]}" and does not describe it: have the program that made it write a VTIMEZONE, or name a zone of the IANA database such as America/Santiago`,
    );
  const instantOf = instantsIn(timeZone);
  return (
    calendar
      .getAllSubcomponents('vevent')
      .map((component) => new ICAL.Event(component))
      // What was moved comes with the event that it belongs to.
      .filter(
        (event) =>
          !event.isRecurrenceException() && event.component.getFirstPropertyValue('status') !== 'CANCELLED',
      )
      .flatMap((event) => readable(event, () => occurrencesOf(event, { now, until, instantOf })))
      .sort((a, b) => (a.from < b.from ? -1 : 1))
      .slice(0, MOST_EVENTS + 1)
  );
}

/** From when to when events are taken, and what instants their times are. */
interface Span {
  now: Date;
  until: Date;
  instantOf: (time: ICAL.Time) => number;
}

function parse(text: string): ICAL.Component {
  try {
    const calendar = new ICAL.Component(ICAL.parse(text));
    if (calendar.name === 'vcalendar') return calendar;
  } catch {
    // Told below.
  }
  throw new UnreadableCalendarError(
    'must be one calendar in the iCalendar form: a text from BEGIN:VCALENDAR to END:VCALENDAR',
  );
}

function readable(event: ICAL.Event, read: () => Blackout[]): Blackout[] {
  try {
    return read();
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new UnreadableCalendarError(
      `the event "${event.summary ?? ''}" (UID ${event.uid ?? 'missing'}) cannot be read: ${why}`,
    );
  }
}

function occurrencesOf(event: ICAL.Event, { now, until, instantOf }: Span): Blackout[] {
  const found: Blackout[] = [];
  if (!event.startDate) throw new Error('it has no DTSTART');
  const isOver = overBefore(event, now);
  const iterator = event.iterator();
  for (let steps = 0; found.length <= MOST_EVENTS; steps++) {
    if (steps > MOST_STEPS) throw new Error('it repeats too often; let it begin later, or less often');
    const start = iterator.next();
    if (!start || (event.isRecurring() && instantOf(start) > until.getTime())) break;
    if (isOver(start)) continue;
    const { startDate, endDate, item } = event.getOccurrenceDetails(start);
    const [from, to] = [instantOf(startDate), instantOf(endDate)];
    if (to < from) throw new Error('it ends before it begins');
    // Also one that takes no time, as it has no end.
    if (to <= now.getTime() || (to === from && !startDate.isDate)) continue;
    const name = (item.summary || event.summary || 'calendar').slice(0, MOST_NAME);
    found.push({ name, ...(startDate.isDate ? daysOf(startDate, endDate) : momentsOf(from, to)) });
  }
  return found;
}

/** Tells occurrences that are long over, whose details take most of the time. One that was moved may not be. */
function overBefore(event: ICAL.Event, now: Date): (start: ICAL.Time) => boolean {
  if (Object.keys(event.exceptions).length > 0) return () => false;
  // A day more, as times without a zone may be of any.
  const last = now.getTime() / 1_000 - event.duration.toSeconds() - 2 * 24 * 60 * 60;
  return (start) => start.toUnixTime() < last;
}

function momentsOf(from: number, to: number): Omit<Blackout, 'name'> {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

/** The end of an event of whole days is the day after its last one. */
function daysOf(start: ICAL.Time, end: ICAL.Time): Omit<Blackout, 'name'> {
  const last = end.clone();
  last.adjust(-1, 0, 0, 0);
  return { from: start.toString(), to: (last.compare(start) < 0 ? start : last).toString() };
}
