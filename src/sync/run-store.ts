import { randomUUID } from 'node:crypto';
import { NEXT_POSITION } from '../changes/index.js';
import type { Database, Lease, Leases } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import { storableText } from '../values/index.js';
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

const COLUMNS = `id, integration_id AS "integrationId", institution_id AS "institutionId", entity_type AS "entityType", kind, status,
  stage, counts, membership_counts AS "membershipCounts", timings, error, attempt, pushed, parent_id AS "parentId",
  rolls_back AS "rollsBack", planned_position AS "plannedPosition", planned_changes AS "plannedChanges", evidence, guard, approved_at AS "approvedAt", decision,
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
  /** Whether its records were pushed to us. */
  pushed?: boolean | undefined;
}

/** A run with the right to work on it. */
export interface HeldRun {
  run: SyncRun;
  lease: Lease;
}

/** The rows of sync_runs: what runs, and what came of it. Who works on a run is told by its lease. */
export class RunStore {
  constructor(
    private readonly database: Database,
    private readonly leases: Leases,
  ) {}

  /**
   * Begins a run; undefined when another of the same integration and entity type is under way. `whole`: the
   * lease of the run that this one is part of; throws `aborted` when it is lost.
   */
  async create(request: RunRequest, whole?: Lease): Promise<HeldRun | undefined> {
    const {
      integrationId,
      institutionId,
      entityType,
      kind = 'SYNC',
      guard,
      parentId,
      rollsBack,
      pushed = false,
    } = request;
    return this.database.transaction(async () => {
      await whole?.assertHeld();
      // An integration that is deleted meanwhile gets no run.
      const [integration] = await this.database.query(
        'SELECT 1 FROM integrations WHERE id = $1 FOR KEY SHARE',
        [integrationId],
      );
      if (!integration) {
        throw new ServiceError('not_found', `There is no integration ${integrationId}.`, {
          reason: 'INTEGRATION_NOT_FOUND',
        });
      }
      const [row] = await this.database.query<SyncRun>(
        `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, kind, guard, parent_id, rolls_back, pushed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (integration_id, entity_type) WHERE status = 'RUNNING' DO NOTHING RETURNING ${COLUMNS}`,
        [
          integrationId,
          randomUUID(),
          institutionId,
          entityType,
          kind,
          guard ?? null,
          parentId ?? null,
          rollsBack ?? null,
          pushed,
        ],
      );
      return row && this.#hold(row);
    });
  }

  /** Begins a run. Throws `aborted` that names the run of the same that is under way. */
  async begin(request: RunRequest, whole?: Lease): Promise<HeldRun> {
    while (true) {
      const held = await this.create(request, whole);
      if (held) return held;
      const running = await this.alreadyRunning(request);
      if (running) throw running;
    }
  }

  /**
   * Claims the run under way of an integration and entity type whose process has died; undefined when there
   * is none. A part goes on with its run, as long as somebody works on that.
   */
  async claimDead({
    integrationId,
    entityType,
  }: Pick<RunKey, 'integrationId' | 'entityType'>): Promise<HeldRun | undefined> {
    return this.#claim(
      `r.integration_id = $2 AND r.entity_type = $3 AND NOT EXISTS (
         SELECT 1 FROM sync_runs p JOIN leases w ON w.integration_id = p.integration_id AND w.resource = 'run:' || p.id
         WHERE p.integration_id = r.integration_id AND p.id = r.parent_id AND p.status = 'RUNNING'
           AND (w.expires_at >= clock_timestamp() OR w.owner = ANY($1::uuid[])))`,
      [integrationId, entityType],
    );
  }

  /** Claims any one run whose process has died; undefined when there is none. */
  async claimAnyDead(): Promise<HeldRun | undefined> {
    // The parts of a run of all entity types go on with it.
    return this.#claim(
      `NOT EXISTS (SELECT 1 FROM sync_runs p
         WHERE p.integration_id = r.integration_id AND p.id = r.parent_id AND p.status = 'RUNNING')`,
      [],
    );
  }

  /**
   * Claims a part of a run that the caller holds by the lease `whole`: whoever worked on it has lost that
   * run. The run as it is now, without a lease, when it has ended meanwhile.
   */
  async claimPart(
    { integrationId, id }: SyncRun,
    whole: Lease,
  ): Promise<HeldRun | { run: SyncRun; lease?: undefined }> {
    return this.database.transaction(async () => {
      await whole.assertHeld();
      await this.database.query('SELECT 1 FROM sync_runs WHERE integration_id = $1 AND id = $2 FOR UPDATE', [
        integrationId,
        id,
      ]);
      const run = await this.get(integrationId, id);
      return run.status === 'RUNNING' ? this.#hold(run, { force: true, again: true }) : { run };
    });
  }

  /** The `aborted` for a run that would begin beside another of the same, which it names. */
  async alreadyRunning({ integrationId, entityType }: RunKey): Promise<ServiceError | undefined> {
    const [running] = await this.database.query<{ id: string }>(
      `SELECT id FROM sync_runs WHERE integration_id = $1 AND entity_type = $2 AND status = 'RUNNING'`,
      [integrationId, entityType],
    );
    if (!running) return undefined;
    return new ServiceError(
      'aborted',
      `A sync of ${entityType} is already running for this integration: run ${running.id}.`,
      {
        reason: 'SYNC_ALREADY_RUNNING',
        metadata: { runId: running.id, integrationId, entityType },
      },
    );
  }

  /** Says how far a run is. */
  async saveProgress({ run, lease }: HeldRun): Promise<void> {
    await lease.transaction(() =>
      this.database.execute(
        `UPDATE sync_runs SET stage = $3, counts = $4, membership_counts = $5, timings = $6 WHERE integration_id = $1 AND id = $2`,
        [run.integrationId, run.id, run.stage, run.counts, run.membershipCounts, run.timings],
      ),
    );
  }

  /** Inside the transaction that makes a plan: its header. */
  async savePlan(run: SyncRun): Promise<void> {
    await this.database.execute(
      'UPDATE sync_runs SET planned_position = $3, planned_changes = $4 WHERE integration_id = $1 AND id = $2',
      [run.integrationId, run.id, run.plannedPosition, run.plannedChanges],
    );
  }

  /**
   * Inside the apply transaction: gives the run its place in the institution's order of changes, by which it
   * is known to be applied, and keeps its counts.
   */
  async saveApplied(run: SyncRun): Promise<void> {
    const [row] = await this.database.query<{ position: string }>(
      `UPDATE sync_runs SET applied_position = ${NEXT_POSITION}, counts = $3, membership_counts = $4, evidence = $5
       WHERE integration_id = $1 AND id = $2 RETURNING applied_position AS position`,
      [run.integrationId, run.id, run.counts, run.membershipCounts, run.evidence],
    );
    if (!row) throw deleted();
    run.appliedPosition = row.position;
  }

  /** Ends a run with the status and the error it has by now, and its lease with it. */
  async finish({ run, lease }: HeldRun): Promise<void> {
    await this.database.transaction(async () => {
      await lease.assertHeld();
      // What a process staged that died on the run, where this attempt did not come to it.
      if (run.attempt > 1) {
        await this.database.execute('DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $2', [
          run.integrationId,
          run.id,
        ]);
      }
      await this.database.execute(
        `UPDATE sync_runs SET status = $3, error = $4, stage = $5, counts = $6, membership_counts = $7, timings = $8,
           evidence = $9, approved_at = $10, finished_at = clock_timestamp()
         WHERE integration_id = $1 AND id = $2`,
        [
          run.integrationId,
          run.id,
          run.status,
          // A run whose end cannot be stored would stay RUNNING.
          run.error && storableText(run.error),
          run.stage,
          run.counts,
          run.membershipCounts,
          run.timings,
          run.evidence,
          run.approvedAt,
        ],
      );
      await lease.release();
    });
  }

  /**
   * Discards the held plans that a newer reading of the same has replaced, and the runs that were held for
   * them alone.
   */
  async supersede(run: SyncRun): Promise<void> {
    const decision = `Run ${run.id} read the source anew.`;
    const parents = await this.database.query<{ parentId: string | null }>(
      `UPDATE sync_runs SET status = 'DISCARDED', decision = $4
       WHERE integration_id = $1 AND (entity_type = $2 OR $2 = 'ALL') AND id <> $3 AND parent_id IS DISTINCT FROM $3 AND status = 'HELD'
       RETURNING parent_id AS "parentId"`,
      [run.integrationId, run.entityType, run.id, decision],
    );
    for (const { parentId } of parents)
      if (parentId) await this.#discardEmpty(run.integrationId, parentId, decision);
  }

  /** A run of all entity types of which no part waits any more has nothing to be decided on. */
  async #discardEmpty(integrationId: string, runId: string, decision: string): Promise<void> {
    await this.database.execute(
      `UPDATE sync_runs r SET status = 'DISCARDED', decision = $3
       WHERE integration_id = $1 AND id = $2 AND status IN ('HELD', 'PREVIEWED') AND NOT EXISTS (
         SELECT 1 FROM sync_runs p WHERE p.integration_id = $1 AND p.parent_id = $2 AND p.status IN ('HELD', 'PREVIEWED'))`,
      [integrationId, runId, decision],
    );
  }

  /**
   * Takes a plan that waits for a person, to apply it. Throws `failed_precondition` when the run is none,
   * `aborted` while another run of the same is under way.
   */
  async approve(integrationId: string, runId: string, decision: string, whole?: Lease): Promise<HeldRun> {
    const before = await this.get(integrationId, runId);
    requireWaiting(before);
    return this.database
      .transaction(async () => {
        await whole?.assertHeld();
        const [row] = await this.database.query<SyncRun>(
          `UPDATE sync_runs SET status = 'RUNNING', approved_at = clock_timestamp(), decision = $3
           WHERE integration_id = $1 AND id = $2 AND status IN ('HELD', 'PREVIEWED') RETURNING ${COLUMNS}`,
          [integrationId, runId, decision],
        );
        if (row) return this.#hold(row);
        throw (
          requireWaiting(await this.get(integrationId, runId)) ??
          new Error('a waiting run could not be taken')
        );
      })
      .catch(async (error: { constraint?: string }) => {
        if (error.constraint !== 'sync_runs_one_running') throw error;
        throw (await this.alreadyRunning(before)) ?? error;
      });
  }

  /**
   * Throws `failed_precondition` when a run is no plan that waits for a person, `not_found` when there is no
   * such run.
   */
  async assertWaiting(integrationId: string, runId: string): Promise<void> {
    requireWaiting(await this.get(integrationId, runId));
  }

  /** Puts a plan away that waits for a person. Throws `failed_precondition` when the run is none. */
  async discard(integrationId: string, runId: string, decision: string): Promise<SyncRun> {
    await this.assertWaiting(integrationId, runId);
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

  async get(integrationId: string, runId: string): Promise<SyncRun> {
    const [row] = await this.database.query<SyncRun>(
      `SELECT ${COLUMNS} FROM sync_runs WHERE integration_id = $1 AND id = $2`,
      [integrationId, runId],
    );
    if (row) return toRun(row);
    throw new ServiceError('not_found', `There is no run ${runId} of this integration.`, {
      reason: 'SYNC_RUN_NOT_FOUND',
    });
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

  async #claim(condition: string, values: unknown[]): Promise<HeldRun | undefined> {
    return this.database.transaction(async () => {
      const [row] = await this.database.query<SyncRun>(
        // The columns are those of the row that is locked: it may have been written since the statement
        // began.
        `SELECT ${COLUMNS} FROM (SELECT r.* FROM sync_runs r
           LEFT JOIN leases l ON l.integration_id = r.integration_id AND l.resource = 'run:' || r.id
           WHERE r.status = 'RUNNING' AND (l.owner IS NULL OR (l.expires_at < clock_timestamp() AND l.owner <> ALL($1::uuid[])))
             AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp()) AND ${condition}
           ORDER BY r.started_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED) claimed`,
        [this.leases.owners, ...values],
      );
      return row && this.#hold(row, { again: true });
    });
  }

  /** Takes the lease of a run. `again`: somebody began it before; counted as an attempt. */
  async #hold(
    row: SyncRun,
    { force = false, again = false }: { force?: boolean; again?: boolean } = {},
  ): Promise<HeldRun> {
    const run = toRun(row);
    const lease = await this.leases.take(
      { integrationId: run.integrationId, resource: `run:${run.id}` },
      { force },
    );
    if (!lease) {
      throw new ServiceError('aborted', `Run ${run.id} is being worked on by another process.`, {
        reason: 'SYNC_ALREADY_RUNNING',
        metadata: { runId: run.id },
      });
    }
    if (again) {
      run.attempt += 1;
      await this.database.execute(
        'UPDATE sync_runs SET attempt = $3, lease_until = NULL WHERE integration_id = $1 AND id = $2',
        [run.integrationId, run.id, run.attempt],
      );
    }
    return { run, lease };
  }
}

/** The run's integration was deleted while it was under way, and the run with it. */
function deleted(): ServiceError {
  return new ServiceError('aborted', 'The integration was deleted while this run was under way.', {
    reason: 'INTEGRATION_DELETED',
  });
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
