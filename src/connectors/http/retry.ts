const LONGEST_BACKOFF_MS = 30_000;
/** How long repeating a call may take in all, in milliseconds. */
export const RETRY_BUDGET_MS = 120_000;
/** Whoever asks to wait for longer says no more by it, and may mean no number at all. */
const LONGEST_ASKED_MS = 365 * 86_400_000;

/**
 * What a server asks to wait, in milliseconds, a year at most: seconds or an HTTP date; undefined when it asks
 * nothing one can read.
 */
export function readRetryAfter(
  header: string | null | undefined,
  now: () => number = Date.now,
): number | undefined {
  if (!header) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, LONGEST_ASKED_MS);
  // Dates begin with the day of the week, all in GMT; JavaScript would take "1.5" for one too.
  const time = /^[a-z]{3,9},? /i.test(text)
    ? Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
    : Number.NaN;
  return Number.isNaN(time) ? undefined : Math.min(Math.max(0, time - now()), LONGEST_ASKED_MS);
}

/**
 * Full jitter: anything between nothing and twice as long as before, so that many clients do not come back at
 * once.
 */
export function backoff(attempt: number, baseMs: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(LONGEST_BACKOFF_MS, baseMs * 2 ** attempt));
}
