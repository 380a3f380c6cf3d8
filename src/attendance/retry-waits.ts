/** How long sending is tried. */
export const GIVE_UP_SECONDS = 24 * 60 * 60;
const FIRST_SECONDS = 30;
const LONGEST_SECONDS = 60 * 60;

/**
 * Seconds until the next attempt after one that failed: twice as many each time, at most an hour, less up to
 * half by chance, so that not all come at once; never fewer than the school asked for. Undefined when there is
 * no next one: the order is 24 hours old, or will be before the school wants to be called again.
 *
 * `failed`: how many attempts failed before this one; `age`: of the order, in seconds.
 */
export function waitAfter(
  failed: number,
  age: number,
  retryAfterSeconds = 0,
  random: () => number = Math.random,
): number | undefined {
  const left = GIVE_UP_SECONDS - age;
  if (left <= 0 || retryAfterSeconds > left) return undefined;
  const wait = Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** failed);
  // The last attempt is made when the time is over.
  return Math.max(retryAfterSeconds, Math.min(left, wait * (1 - random() / 2)));
}
