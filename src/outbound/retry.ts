const LONGEST_BACKOFF_MS = 30_000;
/** How long repeating a call may take in all, in milliseconds. */
export const RETRY_BUDGET_MS = 120_000;

/**
 * What a server asks to wait, in milliseconds: seconds or an HTTP date; undefined when it asks nothing one
 * can read.
 */
export function readRetryAfter(
  header: string | null | undefined,
  now: () => number = Date.now,
): number | undefined {
  if (!header) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  // Dates begin with the day of the week, all in GMT; JavaScript would take "1.5" for one too.
  const time = /^[a-z]{3,9},? /i.test(text)
    ? Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
    : Number.NaN;
  return Number.isNaN(time) ? undefined : Math.max(0, time - now());
}

/**
 * Full jitter: anything between nothing and twice as long as before, so that many clients do not come back at
 * once.
 */
export function backoff(attempt: number, baseMs: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(LONGEST_BACKOFF_MS, baseMs * 2 ** attempt));
}
