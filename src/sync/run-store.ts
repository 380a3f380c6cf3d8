import { randomUUID } from 'node:crypto';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import { noEvidence } from './evidence.js';
import type { GuardOverride } from './policy.js';
import {
  noCounts,
  noTimings,
  type SyncCounts,
  type SyncIssue,
  type SyncRun,
  type SyncRunKind,
  type SyncScope,
  type SyncTimings,
} from './sync-run.js';

/** How long a process may be silent before another takes its run up. */
export const LEASE_SECONDS = 15;

const COLUMNS = `id, integration_id AS "integrationId", institution_id AS "institutionId", entity_type AS "entityType", kind, status,
  stage, counts, membership_counts AS "membershipCounts", timings, error, attempt, owner, parent_id AS "parentId",
  rolls_back AS "rollsBack", evidence, guard, approved_at AS "approvedAt", decision,
  applied_position AS "appliedPosition", started_at AS "startedAt", finished_at AS "finishedAt"`;

export interface RunKey {
  integrationId: string;
  institutionId: string;
  entityType: SyncScope;
}

/** What a new run is to be. */
export interface RunRequest extends RunKey {
  /** Default SYNC. */
  kind?: SyncRunKind | undefined;
  guard?: GuardOverride | undefined;
  parentId?: string | undefined;
  rollsBack?: string | undefined;
}

/** The rows of sync_runs: who runs what, for how long it is believed, and what came of it. */
export class RunStore {
  /** Runs of this process that are under way. */
  readonly #held = new Set<SyncRun>();

  constructor(private readonly database: Database) {}

  /**
   * Begins a run, or takes up one whose process has died. Throws `aborted` with the run's id in its metadata when
   * another run of the same integration and entity type is under way, in this process or any other.
   */
  async begin(key: RunRequest): Promise<SyncRun> {
    const created = await this.beginNew(key);
    if (created) return created;
    const taken = await this.#takeUp('integration_id = $3 AND entity_type = $4', [key.integrationId, key.entityType]);
    if (taken) return taken;
    const [running] = await this.database.query<{ id: string }>(
      `SELECT id FROM sync_runs WHERE integration_id = $1 AND entity_type = $2 AND status = 'RUNNING'`,
      [key.integrationId, key.entityType],
    );
    // It ended between the two looks: the place is free again.
    if (!running) return this.begin(key);
    throw new ServiceError('aborted', `A sync of ${key.entityType} is already running for this integration: run ${running.id}.`, {
      reason: 'SYNC_ALREADY_RUNNING',
      metadata: { runId: running.id, integrationId: key.integrationId, entityType: key.entityType },
    });
  }

  /** Takes up one run whose process has died; undefined when there is none. */
  async takeUpAbandoned(): Promise<SyncRun | undefined> {
    // The parts of a run of all entity types go on with it.
    return this.#takeUp(
      `NOT EXISTS (SELECT 1 FROM sync_runs p
         WHERE p.integration_id = sync_runs.integration_id AND p.id = sync_runs.parent_id AND p.status = 'RUNNING')`,
      [],
    );
  }

  /** Says that this process is still at it, and how far. False when the run is no longer this process's. */
  async heartbeat(run: SyncRun): Promise<boolean> {
    const updated = await this.database.execute(
      `UPDATE sync_runs SET lease_until = clock_timestamp() + make_interval(secs => $4), stage = $5, counts = $6, membership_counts = $7,
         timings = $8
       WHERE integration_id = $1 AND id = $2 AND owner = $3 AND status = 'RUNNING'`,
      [run.integrationId, run.id, run.owner, LEASE_SECONDS, run.stage, run.counts, run.membershipCounts, run.timings],
    );
    return updated === 1;
  }

  /**
   * Inside the apply transaction: gives the run its place in the institution's order of changes, by which it is known to
   * be done, and keeps its counts. False when the run is no longer this process's, and nothing may be written.
   */
  async claimPosition(run: SyncRun): Promise<boolean> {
    const updated = await this.database.execute(
      `UPDATE sync_runs SET applied_position = nextval('sync_runs_position'), counts = $4, membership_counts = $5, evidence = $6
       WHERE integration_id = $1 AND id = $2 AND owner = $3 AND status = 'RUNNING'`,
      [run.integrationId, run.id, run.owner, run.counts, run.membershipCounts, run.evidence],
    );
    return updated === 1;
  }

  /** Ends a run with the status and the error it has by now. */
  async finish(run: SyncRun): Promise<void> {
    this.#held.delete(run);
    await this.database.execute(
      `UPDATE sync_runs SET status = $4, error = $5, stage = $6, counts = $7, membership_counts = $8, timings = $9,
         evidence = $10, finished_at = clock_timestamp()
       WHERE integration_id = $1 AND id = $2 AND owner = $3 AND status = 'RUNNING'`,
      [
        run.integrationId,
        run.id,
        run.owner,
        run.status,
        run.error,
        run.stage,
        run.counts,
        run.membershipCounts,
        run.timings,
        run.evidence,
      ],
    );
  }

  /** Puts away the held plans that a newer reading of the same has taken the place of. */
  async supersede(run: SyncRun): Promise<void> {
    await this.database.execute(
      `UPDATE sync_runs SET status = 'DISCARDED', decision = $4
       WHERE integration_id = $1 AND entity_type = $2 AND id <> $3 AND status = 'HELD'`,
      [run.integrationId, run.entityType, run.id, `Run ${run.id} read the source anew.`],
    );
  }

  /**
   * Takes up a plan that waits for a person, to apply it. Throws `failed_precondition` when the run is none, `aborted`
   * while another run of the same is under way.
   */
  async approve(integrationId: string, runId: string, decision: string): Promise<SyncRun> {
    const before = await this.get(integrationId, runId);
    requireWaiting(before);
    const [row] = await this.database
      .query<SyncRun>(
        `UPDATE sync_runs SET status = 'RUNNING', approved_at = clock_timestamp(), decision = $3, owner = $4,
           lease_until = clock_timestamp() + make_interval(secs => $5)
         WHERE integration_id = $1 AND id = $2 AND status IN ('HELD', 'PREVIEWED') RETURNING ${COLUMNS}`,
        [integrationId, runId, decision, randomUUID(), LEASE_SECONDS],
      )
      .catch((error: { constraint?: string }) => {
        if (error.constraint !== 'sync_runs_one_running') throw error;
        throw new ServiceError('aborted', `A sync of ${before.entityType} is running for this integration. Approve after it.`, {
          reason: 'SYNC_ALREADY_RUNNING',
        });
      });
    if (row) return this.#hold(row);
    throw requireWaiting(await this.get(integrationId, runId)) ?? new Error('a waiting run could not be taken');
  }

  /** Puts a plan away that waits for a person. Throws `failed_precondition` when the run is none. */
  async discard(integrationId: string, runId: string, decision: string): Promise<SyncRun> {
    requireWaiting(await this.get(integrationId, runId));
    await this.database.execute(
      `UPDATE sync_runs SET status = 'DISCARDED', decision = $3
       WHERE integration_id = $1 AND id = $2 AND status IN ('HELD', 'PREVIEWED')`,
      [integrationId, runId, decision],
    );
    return this.get(integrationId, runId);
  }

  /** The parts of a run of all entity types, in the order they ran. */
  async parts(integrationId: string, runId: string): Promise<SyncRun[]> {
    const rows = await this.database.query<SyncRun>(
      `SELECT ${COLUMNS} FROM sync_runs WHERE integration_id = $1 AND parent_id = $2 ORDER BY started_at, id`,
      [integrationId, runId],
    );
    return rows.map(toRun);
  }

  /** For a process that knows itself to be the only one: whoever held a run before it is dead. */
  async endAllLeases(): Promise<void> {
    await this.database.execute(`UPDATE sync_runs SET lease_until = clock_timestamp() WHERE status = 'RUNNING'`);
  }

  /** Lets go of the runs of this process that are still under way, so that the next process takes them up at once. */
  async release(): Promise<void> {
    const owners = [...this.#held].map(({ owner }) => owner);
    if (owners.length === 0) return;
    await this.database.execute(
      `UPDATE sync_runs SET lease_until = clock_timestamp() WHERE owner = ANY($1::uuid[]) AND status = 'RUNNING'`,
      [owners],
    );
  }

  async get(integrationId: string, runId: string): Promise<SyncRun> {
    const [row] = await this.database.query<SyncRun>(`SELECT ${COLUMNS} FROM sync_runs WHERE integration_id = $1 AND id = $2`, [
      integrationId,
      runId,
    ]);
    if (row) return toRun(row);
    throw new ServiceError('not_found', `There is no run ${runId} of this integration.`, { reason: 'SYNC_RUN_NOT_FOUND' });
  }

  /** The runs of an integration, newest first. */
  async list(integrationId: string, request: PageRequest): Promise<Page<SyncRun>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.time, TOKEN.uuid]);
    const rows = await this.database.query<SyncRun & { key: string }>(
      `SELECT ${COLUMNS}, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS key FROM sync_runs
       WHERE integration_id = $1 ${key ? 'AND (started_at, id) < ($3::timestamptz, $4::uuid)' : ''}
       ORDER BY started_at DESC, id DESC LIMIT $2`,
      [integrationId, size + 1, ...(key ?? [])],
    );
    return toPage(rows, size, (row) => [row.key, row.id], toRun);
  }

  /** The issues of a run in the order they were found. */
  async listIssues(
    runId: string,
    request: PageRequest & { integrationId: string; severity?: SyncIssue['severity'] | undefined },
  ) {
    const size = pageSizeOf(request);
    const [after = '0'] = readPageToken(request.pageToken, [TOKEN.integer]) ?? [];
    const rows = await this.database.query<SyncIssue>(
      `SELECT number, severity, rule, message, file, line, "column", value, hint, external_id AS "externalId" FROM sync_issues
       WHERE integration_id = $1 AND run_id = $2 AND number > $3 AND ($4::text IS NULL OR severity = $4)
       ORDER BY number LIMIT $5`,
      [request.integrationId, runId, after, request.severity ?? null, size + 1],
    );
    return toPage(
      rows,
      size,
      (row) => [String(row.number)],
      (row) => row,
    );
  }

  /** Begins a run; undefined when another of the same integration and entity type is under way. */
  async beginNew(request: RunRequest): Promise<SyncRun | undefined> {
    const { integrationId, institutionId, entityType, kind = 'SYNC', guard, parentId, rollsBack } = request;
    const [row] = await this.database.query<SyncRun>(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, owner, lease_until, kind, guard, parent_id, rolls_back)
       VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6), $7, $8, $9, $10)
       ON CONFLICT (integration_id, entity_type) WHERE status = 'RUNNING' DO NOTHING RETURNING ${COLUMNS}`,
      [
        integrationId,
        randomUUID(),
        institutionId,
        entityType,
        randomUUID(),
        LEASE_SECONDS,
        kind,
        guard ?? null,
        parentId ?? null,
        rollsBack ?? null,
      ],
    );
    return row && this.#hold(row);
  }

  async #takeUp(condition: string, values: unknown[]): Promise<SyncRun | undefined> {
    const [row] = await this.database.query<SyncRun>(
      `UPDATE sync_runs SET owner = $1, attempt = attempt + 1, lease_until = clock_timestamp() + make_interval(secs => $2)
       WHERE (integration_id, id) = (
           SELECT integration_id, id FROM sync_runs WHERE status = 'RUNNING' AND lease_until < clock_timestamp() AND ${condition}
           ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING ${COLUMNS}`,
      [randomUUID(), LEASE_SECONDS, ...values],
    );
    return row && this.#hold(row);
  }

  #hold(row: SyncRun): SyncRun {
    const run = toRun(row);
    this.#held.add(run);
    return run;
  }
}

function requireWaiting(run: SyncRun): undefined {
  if (run.status === 'HELD' || run.status === 'PREVIEWED') return;
  throw new ServiceError(
    'failed_precondition',
    `Run ${run.id} is ${run.status}; only a plan that is HELD or PREVIEWED can be decided on.`,
    {
      reason: 'SYNC_RUN_NOT_WAITING',
    },
  );
}

function toRun(row: SyncRun): SyncRun {
  const { counts, membershipCounts, timings, evidence } = row;
  return {
    ...row,
    counts: { ...noCounts(), ...(counts as Partial<SyncCounts>) },
    membershipCounts: { ...noCounts(), ...(membershipCounts as Partial<SyncCounts>) },
    timings: { ...noTimings(), ...(timings as Partial<SyncTimings>) },
    // Runs of a version before have no word of their memberships.
    evidence: { ...noEvidence(), ...evidence },
  };
}
