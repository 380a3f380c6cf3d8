/** How often an event is sent before it is a dead letter. */
export const MOST_ATTEMPTS = 14;
const FIRST_PAUSE_MS = 5_000;
const GROWTH = 3;
const LONGEST_PAUSE_MS = 4 * 3_600_000;
/** What a receiver may ask to wait at most. */
const LONGEST_ASKED_MS = 24 * 3_600_000;
/** A subscription is disabled when no attempt succeeded for so long, and so many failed. */
export const MOST_FAILING_HOURS = 5 * 24;
export const FEWEST_FAILURES = 10;

/**
 * Milliseconds until the next attempt after this many: 5 s, 15 s, 45 s and so on, four hours at most, a day in
 * all; anything from half of it to the whole, so that not all come back at once. Never earlier than the
 * receiver asked for, as far as that is a day.
 */
export function pauseAfter(
  attempts: number,
  askedMs: number | undefined,
  random: () => number = Math.random,
): number {
  const whole = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * GROWTH ** (attempts - 1));
  const own = whole / 2 + (random() * whole) / 2;
  return Math.round(Math.max(own, Math.min(askedMs ?? 0, LONGEST_ASKED_MS)));
}
