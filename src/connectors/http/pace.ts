/** What adding up intervals may be off by, in milliseconds. */
const ROUNDING = 1e-3;

/** Says how long to wait before the next call, in milliseconds, and counts it as made. */
export type Pace = () => number;

/**
 * A token bucket that keeps under `perMinute` calls in any minute: a tenth of them may go at once, the rest
 * are spread. Calls reserve their turn, so that those that wait do not overtake one another.
 */
export function createPace(perMinute: number, now: () => number = Date.now): Pace {
  const burst = Math.max(1, Math.floor(perMinute / 10));
  const interval = 60_000 / Math.max(1, perMinute - burst);
  // When the bucket would be full again: each call takes one interval from it.
  let fullAt = 0;
  return () => {
    const time = now();
    fullAt = Math.max(fullAt, time) + interval;
    return Math.max(0, Math.ceil(fullAt - burst * interval - time - ROUNDING));
  };
}
