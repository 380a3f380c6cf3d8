import type { Database } from '../../database/index.js';

/** Runs of all integrations that are not over, and the plans that wait for a person. */
export interface RunBacklog {
  /** A process works on them. */
  running: number;
  /** They wait in the queue, or their process died, and none has taken them up yet. */
  waiting: number;
  held: { provider: string; plans: number; oldestAt: Date }[];
}

/** A plan is held by one of the last runs of its integration: the next reading discards it. */
const LAST_RUNS = 50;

/** Beside all other work: it is asked for again and again. Looks at the last runs of each integration, and no more. */
export async function readRunBacklog(database: Database): Promise<RunBacklog> {
  const [open] = await database.queryApart<{ running: number; waiting: number }>(
    `SELECT count(l.owner)::int AS running, (count(*) - count(l.owner))::int AS waiting
     FROM sync_runs r
     LEFT JOIN leases l
       ON l.integration_id = r.integration_id AND l.resource = 'run:' || r.id AND l.expires_at > clock_timestamp()
     WHERE r.status IN ('QUEUED', 'RUNNING')`,
  );
  const held = await database.queryApart<RunBacklog['held'][number]>(
    `SELECT i.provider, count(*)::int AS plans, min(r.finished_at) AS "oldestAt"
     FROM integrations i
     CROSS JOIN LATERAL (
       SELECT status, parent_id, finished_at
       FROM sync_runs
       WHERE integration_id = i.id
       ORDER BY started_at DESC, id DESC
       LIMIT ${LAST_RUNS}) r
     WHERE r.status = 'HELD' AND r.parent_id IS NULL AND r.finished_at IS NOT NULL
     GROUP BY i.provider`,
  );
  return { running: open?.running ?? 0, waiting: open?.waiting ?? 0, held };
}
