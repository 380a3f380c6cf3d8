/** What is synced one after the other: a new school, the same file again, and one with 1 % of its rows changed. */
export const SCENARIOS = ['first', 'unchanged', 'onePercent'] as const;
export type Seconds = Record<(typeof SCENARIOS)[number], number[]>;

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
