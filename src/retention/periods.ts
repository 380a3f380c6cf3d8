/** How many days something is kept after it ended. */
export interface RetentionPeriods {
  runs: number;
  changes: number;
  issues: number;
  deliveries: number;
  events: number;
  webhooks: number;
}

/** Bounds of a statement, so that each transaction is short. */
export const RUNS_AT_ONCE = 200;
export const ROWS_AT_ONCE = 5_000;

/**
 * Whether a run `r` of an integration `i` ended more than so many days ago; `days` is a parameter. What the guard
 * adds up over `baselineDays` is no older than its policy says, whatever the period.
 */
export function isOlderThan(days: string): string {
  return `r.started_at < clock_timestamp() - make_interval(days => ${days}::int)
    AND COALESCE(r.finished_at, r.started_at) < clock_timestamp() - make_interval(secs => 86400 * GREATEST(
      ${days}::int::float8, COALESCE((i.policy->'guard'->>'baselineDays')::float8, 28)))`;
}
