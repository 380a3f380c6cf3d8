import type { Database } from '../database/index.js';
import type { SyncRun } from '../sync/index.js';
import type { Blackout, Schedule, ScheduleKey, ScheduleSettings } from './schedule.js';

/** A schedule as it is stored. */
export interface StoredSchedule extends ScheduleKey, ScheduleSettings {
  institutionId: string;
  blackouts: readonly Blackout[];
  nextAt: Date | null;
  lastRunId: string | null;
  skippedAt: Date | null;
  skippedBecause: string | null;
  createdAt: Date;
  updatedAt: Date;
}

export type ScheduledRun = Schedule['lastRuns'][number];

const COLUMNS = `integration_id AS "integrationId", entity_type AS "entityType", kind,
  institution_id AS "institutionId", cron, time_zone AS "timeZone", jitter_seconds AS "jitterSeconds",
  blackouts, paused_until AS "pausedUntil", next_at AS "nextAt", last_run_id AS "lastRunId",
  skipped_at AS "skippedAt", skipped_because AS "skippedBecause", created_at AS "createdAt",
  updated_at AS "updatedAt"`;

const SHOWN_RUNS = 5;
const MOST_FAILURES = 20;

/** The rows of schedules, and what their runs tell. */
export class ScheduleStore {
  constructor(private readonly database: Database) {}

  async find({ integrationId, entityType, kind }: ScheduleKey): Promise<StoredSchedule | undefined> {
    const [row] = await this.database.query<StoredSchedule>(
      `SELECT ${COLUMNS} FROM sync_schedules
       WHERE integration_id = $1 AND entity_type = $2 AND kind = $3`,
      [integrationId, entityType, kind],
    );
    return row;
  }

  list(integrationId: string): Promise<StoredSchedule[]> {
    return this.database.query<StoredSchedule>(
      `SELECT ${COLUMNS} FROM sync_schedules
       WHERE integration_id = $1
       ORDER BY entity_type, kind`,
      [integrationId],
    );
  }

  /** Puts a schedule in, or in the place of the one there is. */
  async put(
    { integrationId, entityType, kind }: ScheduleKey,
    institutionId: string,
    settings: ScheduleSettings,
    nextAt: Date | null,
  ): Promise<void> {
    await this.database.execute(
      `INSERT INTO sync_schedules (integration_id, entity_type, kind, institution_id, cron, time_zone,
         jitter_seconds, blackouts, paused_until, next_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       ON CONFLICT (integration_id, entity_type, kind) DO UPDATE
         SET cron = excluded.cron, time_zone = excluded.time_zone, jitter_seconds = excluded.jitter_seconds,
           blackouts = excluded.blackouts, paused_until = excluded.paused_until, next_at = excluded.next_at,
           skipped_at = NULL, skipped_because = NULL, updated_at = now()`,
      [
        integrationId,
        entityType,
        kind,
        institutionId,
        settings.cron,
        settings.timeZone,
        settings.jitterSeconds,
        JSON.stringify(settings.blackouts),
        settings.pausedUntil,
        nextAt,
      ],
    );
  }

  /** False when there is none. */
  async delete({ integrationId, entityType, kind }: ScheduleKey): Promise<boolean> {
    const deleted = await this.database.execute(
      'DELETE FROM sync_schedules WHERE integration_id = $1 AND entity_type = $2 AND kind = $3',
      [integrationId, entityType, kind],
    );
    return deleted > 0;
  }

  /** One that is due, locked until the transaction ends, with the time by the database's clock. */
  async takeDue(): Promise<{ schedule: StoredSchedule; now: Date } | undefined> {
    const [row] = await this.database.query<StoredSchedule & { now: Date }>(
      `SELECT ${COLUMNS}, clock_timestamp() AS now FROM sync_schedules
       WHERE next_at <= clock_timestamp()
       ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
    );
    if (!row) return undefined;
    const { now, ...schedule } = row;
    return { schedule, now };
  }

  /** In how many milliseconds the next one is due; undefined when none is. */
  async untilNext(): Promise<number | undefined> {
    const [row] = await this.database.query<{ ms: number | null }>(
      `SELECT (EXTRACT(EPOCH FROM min(next_at) - clock_timestamp()) * 1000)::float8 AS ms
       FROM sync_schedules`,
    );
    return row?.ms ?? undefined;
  }

  /**
   * Writes down what became of a time that was due, and when the next one is. `outcome` empty: it is the same time, put
   * off. `ifDue`: for whoever does not hold the row any more, and only where no other has dealt with it.
   */
  async fired(
    { integrationId, entityType, kind }: ScheduleKey,
    nextAt: Date | null,
    outcome: { runId?: string; skippedBecause?: string },
    { ifDue = false } = {},
  ): Promise<void> {
    const { runId = null, skippedBecause = null } = outcome;
    await this.database.execute(
      `UPDATE sync_schedules SET next_at = $4, last_run_id = COALESCE($5, last_run_id),
         skipped_at = CASE WHEN $6::text IS NULL THEN skipped_at ELSE clock_timestamp() END,
         skipped_because = COALESCE($6, skipped_because)
       WHERE integration_id = $1 AND entity_type = $2 AND kind = $3
         ${ifDue ? 'AND next_at <= clock_timestamp()' : ''}`,
      [integrationId, entityType, kind, nextAt, runId, skippedBecause],
    );
  }

  /** The latest runs that a schedule started, the newest first. */
  lastRuns({ integrationId, entityType, kind }: ScheduleKey): Promise<ScheduledRun[]> {
    return this.database.query<ScheduledRun>(
      `SELECT id, status, error, started_at AS "startedAt", finished_at AS "finishedAt"
       FROM sync_runs
       WHERE integration_id = $1 AND entity_type = $2 AND kind = $3 AND trigger = 'SCHEDULE'
       ORDER BY started_at DESC LIMIT ${SHOWN_RUNS}`,
      [integrationId, entityType, kind],
    );
  }

  /** How many of the latest runs of the same failed in a row, whoever started them, and when the last did. */
  async failures({
    integrationId,
    entityType,
    kind,
  }: ScheduleKey): Promise<{ count: number; last: Date | null }> {
    const runs = await this.database.query<Pick<SyncRun, 'status' | 'finishedAt'>>(
      `SELECT status, finished_at AS "finishedAt" FROM sync_runs
       WHERE integration_id = $1 AND entity_type = $2 AND kind = $3 AND NOT pushed AND external_ids IS NULL
         AND status NOT IN ('QUEUED', 'RUNNING', 'CANCELED')
       ORDER BY started_at DESC LIMIT ${MOST_FAILURES}`,
      [integrationId, entityType, kind],
    );
    const good = runs.findIndex(({ status }) => status !== 'FAILED');
    return { count: good === -1 ? runs.length : good, last: runs[0]?.finishedAt ?? null };
  }
}
