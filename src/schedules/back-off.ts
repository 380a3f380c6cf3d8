/** From so many failures in a row on, a schedule waits longer each time. */
const PATIENCE = 3;
const FIRST_MS = 60 * 60 * 1_000;
const LONGEST_MS = 24 * 60 * 60 * 1_000;

/** Until when nothing is started after so many failures in a row; null: nothing is in the way. */
export function backsOffUntil({ count, last }: { count: number; last: Date | null }): Date | null {
  if (count < PATIENCE || !last) return null;
  return new Date(last.getTime() + Math.min(FIRST_MS * 2 ** (count - PATIENCE), LONGEST_MS));
}
