/** Whether this process knows a zone: newer versions of Node.js know more. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * The clocks of a zone. What they show is a number as an instant is: the milliseconds at which the clocks of UTC
 * show the same.
 */
export class WallClock {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US-u-ca-iso8601-hc-h23', {
      timeZone,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** What the clocks show at an instant, to the second. */
  shown(instant: number): number {
    const parts: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(instant)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second);
  }

  /** The first instant at which the clocks show a time; of one that they skip, the instant after which they do. */
  instantOf(wall: number): number {
    // No zone has changed its clocks twice within four days, and none by more than one.
    const before = this.#offsetAt(wall - 2 * DAY_MS);
    const after = this.#offsetAt(wall + 2 * DAY_MS);
    const earlier = wall - Math.max(before, after);
    if (this.shown(earlier) === wall) return earlier;
    const later = wall - Math.min(before, after);
    if (this.shown(later) === wall) return later;
    return this.#firstAfter(wall);
  }

  #offsetAt(instant: number): number {
    return this.shown(instant) - Math.floor(instant / 1_000) * 1_000;
  }

  /** The first instant, to the second, at which the clocks show more than a time that they skip. */
  #firstAfter(wall: number): number {
    let below = Math.floor((wall - 2 * DAY_MS) / 1_000);
    let above = Math.ceil((wall + 2 * DAY_MS) / 1_000);
    while (above - below > 1) {
      const middle = Math.floor((below + above) / 2);
      if (this.shown(middle * 1_000) > wall) above = middle;
      else below = middle;
    }
    return above * 1_000;
  }
}
