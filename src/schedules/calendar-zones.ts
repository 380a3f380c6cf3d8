import ICAL from 'ical.js';
import { isTimeZone, WallClock } from './wall-clock.js';

/** A zone that a calendar names and does not describe, as files of few programs do. */
class NamedZone extends ICAL.Timezone {
  readonly #clock: WallClock;

  constructor(tzid: string) {
    super({ tzid } as never);
    this.#clock = new WallClock(tzid);
  }

  /** In seconds. */
  override utcOffset(time: ICAL.Time): number {
    const wall = wallOf(time);
    return (wall - this.#clock.instantOf(wall)) / 1_000;
  }
}

/**
 * Has the times of a calendar be read in the zones that it describes, and in those of the IANA database that it names
 * alone. Returns the zones that it names and nobody knows.
 */
export function registerZones(calendar: ICAL.Component): string[] {
  // One without a name is nobody's.
  for (const described of calendar.getAllSubcomponents('vtimezone'))
    if (described.getFirstPropertyValue('tzid')) ICAL.TimezoneService.register(new ICAL.Timezone(described));
  const unknown = new Set<string>();
  for (const event of calendar.getAllSubcomponents('vevent'))
    for (const property of event.getAllProperties()) {
      const tzid = property.getParameter('tzid');
      if (typeof tzid !== 'string' || ICAL.TimezoneService.has(tzid)) continue;
      if (isTimeZone(tzid)) ICAL.TimezoneService.register(new NamedZone(tzid), tzid);
      else unknown.add(tzid);
    }
  return [...unknown];
}

/** Tells the instant of a time of a calendar; of one without a zone, as the clocks of the school show it. */
export function instantsIn(timeZone: string): (time: ICAL.Time) => number {
  const clock = new WallClock(timeZone);
  return (time) =>
    time.zone === ICAL.Timezone.localTimezone ? clock.instantOf(wallOf(time)) : time.toUnixTime() * 1_000;
}

function wallOf({ year, month, day, hour, minute, second }: ICAL.Time): number {
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
