import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Database, Lease, Leases } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { storableText } from '../../values/index.js';
import { recordRun } from './record-run.js';
import type { HeldRun, RunKey, RunRequest } from './run-request.js';
import { changesDropped, RUN_COLUMNS, requireWaiting, toRun } from './run-rows.js';
import type { RunStore } from './run-store.js';
import type { SyncRun } from './sync-run.js';

/** What this process is called in the words about a run that it did not end. */
const WORKER = `${hostname()}:${process.pid}`;

/** What is told of a run whose process died; its parameter: the owners of leases of this process. */
const DEAD = `r.status = 'RUNNING'
  AND (l.owner IS NULL OR (l.expires_at < clock_timestamp() AND l.owner <> ALL($1::uuid[])))
  AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp())`;
/** How many dead runs are looked at at once. */
const MOST_DEAD = 50;

/** Which run. */
export interface RunId {
  integrationId: string;
  runId: string;
}

interface HoldOptions {
  force?: boolean;
  again?: boolean;
}

/** Begins runs and claims them: who works on a run is told by its lease. */
export class RunClaims {
  constructor(
    private readonly database: Database,
    private readonly leases: Leases,
    private readonly runs: RunStore,
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
      trigger = 'CALL',
    } = request;
    return this.database.transaction(async () => {
      await this.requireIntegration(integrationId);
      if (rollsBack) await this.#holdChanges(integrationId, rollsBack);
      const [row] = await this.database.query<SyncRun>(
        `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, kind, guard, parent_id,
          rolls_back, pushed, worker, trigger)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (integration_id, entity_type) WHERE status = 'RUNNING' DO NOTHING
           RETURNING ${RUN_COLUMNS}`,
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
          WORKER,
          trigger,
        ],
      );
      if (!row) return undefined;
      await recordRun(this.database, 'started', row, {
        after: {
          entityType,
          kind,
          guard,
          partOf: parentId,
          rollsBack,
          pushed: pushed || undefined,
          trigger: pushed ? trigger : undefined,
        },
      });
      return this.#holdPart(whole, row);
    });
  }

  /**
   * Inside a transaction: the changes of a run that is taken back, and of its parts, stay until that is done.
   * Throws `failed_precondition` when they are gone.
   */
  async #holdChanges(integrationId: string, runId: string): Promise<void> {
    const runs = await this.database.query<{ areGone: boolean }>(
      `SELECT changes_dropped_at IS NOT NULL AS "areGone" FROM sync_runs
       WHERE integration_id = $1 AND (id = $2 OR parent_id = $2)
       ORDER BY id FOR SHARE`,
      [integrationId, runId],
    );
    if (runs.length === 0 || runs.some(({ areGone }) => areGone)) throw changesDropped(runId);
  }

  /** Inside a transaction: an integration that is deleted meanwhile gets no run. Throws `not_found`. */
  async requireIntegration(integrationId: string): Promise<void> {
    const [integration] = await this.database.query(
      'SELECT 1 FROM integrations WHERE id = $1 FOR KEY SHARE',
      [integrationId],
    );
    if (integration) return;
    throw new ServiceError('not_found', `There is no integration ${integrationId}.`, {
      reason: 'INTEGRATION_NOT_FOUND',
    });
  }

  /** Inside a transaction: begins a run that waits. Undefined when it does not wait any more. */
  async start(integrationId: string, runId: string): Promise<HeldRun | undefined> {
    const [row] = await this.database.query<SyncRun>(
      `UPDATE sync_runs SET status = 'RUNNING', started_at = clock_timestamp(), worker = $3
       WHERE integration_id = $1 AND id = $2 AND status = 'QUEUED' RETURNING ${RUN_COLUMNS}`,
      [integrationId, runId, WORKER],
    );
    return row && this.#hold(row);
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
         SELECT 1 FROM sync_runs p
           JOIN leases w ON w.integration_id = p.integration_id AND w.resource = 'run:' || p.id
         WHERE p.integration_id = r.integration_id AND p.id = r.parent_id AND p.status = 'RUNNING'
           AND (w.expires_at >= clock_timestamp() OR w.owner = ANY($1::uuid[])))`,
      [integrationId, entityType],
    );
  }

  /** The same of one run; undefined while somebody works on it. */
  async claimDeadRun({ integrationId, runId }: RunId): Promise<HeldRun | undefined> {
    return this.#claim('r.integration_id = $2 AND r.id = $3', [integrationId, runId]);
  }

  /**
   * Runs under way whose process has died, but for parts of such runs, which go on with them; in no order, so that those
   * that may not go on yet keep none from being seen.
   */
  async listDead(): Promise<RunId[]> {
    return this.database.query<RunId>(
      `SELECT r.integration_id AS "integrationId", r.id AS "runId" FROM sync_runs r
         LEFT JOIN leases l ON l.integration_id = r.integration_id AND l.resource = 'run:' || r.id
       WHERE ${DEAD} AND NOT EXISTS (SELECT 1 FROM sync_runs p
         WHERE p.integration_id = r.integration_id AND p.id = r.parent_id AND p.status = 'RUNNING')
       ORDER BY random() LIMIT $2`,
      [this.leases.owners, MOST_DEAD],
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
      await this.database.query('SELECT 1 FROM sync_runs WHERE integration_id = $1 AND id = $2 FOR UPDATE', [
        integrationId,
        id,
      ]);
      const run = await this.runs.get(integrationId, id);
      if (run.status !== 'RUNNING') return { run };
      return this.#holdPart(whole, run, { force: true, again: true });
    });
  }

  /** The `aborted` for a run that would begin beside another of the same, which it names. */
  async alreadyRunning(key: RunKey): Promise<ServiceError | undefined> {
    const running = await this.findRunning(key);
    return running && alreadyRunning(running);
  }

  /** The run of the same that is under way. */
  async findRunning({ integrationId, entityType }: RunKey): Promise<SyncRun | undefined> {
    const [running] = await this.database.query<SyncRun>(
      `SELECT ${RUN_COLUMNS} FROM sync_runs
       WHERE integration_id = $1 AND entity_type = $2 AND status = 'RUNNING'`,
      [integrationId, entityType],
    );
    return running && toRun(running);
  }

  /** Whether the process died that worked on a run under way; a part of one that lives is not dead. */
  async isDead({ integrationId, id }: SyncRun): Promise<boolean> {
    const [dead] = await this.database.query(
      `SELECT 1 FROM sync_runs r
         LEFT JOIN leases l ON l.integration_id = r.integration_id AND l.resource = 'run:' || r.id
       WHERE ${DEAD} AND r.integration_id = $2 AND r.id = $3 AND r.parent_id IS NULL`,
      [this.leases.owners, integrationId, id],
    );
    return dead !== undefined;
  }

  /**
   * Takes a plan that waits for a person, to apply it. `shape`: makes of it, and of its waiting parts, what
   * the person approves. Throws `failed_precondition` when the run is none, `aborted` while another run of
   * the same is under way.
   */
  async approve(
    integrationId: string,
    runId: string,
    decision: string,
    { whole, shape }: { whole?: Lease; shape?: (run: SyncRun) => Promise<void> } = {},
  ): Promise<HeldRun> {
    const before = await this.runs.get(integrationId, runId);
    requireWaiting(before);
    return this.database
      .transaction(async () => {
        const [row] = await this.database.query<SyncRun>(
          `UPDATE sync_runs SET status = 'RUNNING', approved_at = clock_timestamp(), decision = $3, worker = $4
           WHERE integration_id = $1 AND id = $2 AND status IN ('HELD', 'PREVIEWED')
             RETURNING ${RUN_COLUMNS}`,
          [integrationId, runId, storableText(decision), WORKER],
        );
        if (row) {
          const run = toRun(row);
          await recordRun(this.database, 'approved', run, {
            before: { status: before.status },
            after: { decision: run.decision, partOf: run.parentId ?? undefined },
          });
          await shape?.(run);
          return this.#holdPart(whole, run);
        }
        throw (
          requireWaiting(await this.runs.get(integrationId, runId)) ??
          new Error('a waiting run could not be taken')
        );
      })
      .catch(async (error: { constraint?: string }) => {
        if (error.constraint !== 'sync_runs_one_running') throw error;
        throw (await this.alreadyRunning(before)) ?? error;
      });
  }

  async #claim(condition: string, values: unknown[]): Promise<HeldRun | undefined> {
    return this.database.transaction(async () => {
      const [row] = await this.database.query<SyncRun>(
        // The columns are those of the row that is locked: it may have been written since the statement
        // began.
        `SELECT ${RUN_COLUMNS} FROM (SELECT r.* FROM sync_runs r
           LEFT JOIN leases l ON l.integration_id = r.integration_id AND l.resource = 'run:' || r.id
           WHERE ${DEAD} AND ${condition}
           ORDER BY r.started_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED) claimed`,
        [this.leases.owners, ...values],
      );
      return row && this.#hold(row, { again: true });
    });
  }

  /**
   * The same of a part of the run that `whole` is the lease of. That is looked at last: all lock rows of runs
   * before those of leases, so that no two wait for each other.
   */
  async #holdPart(whole: Lease | undefined, row: SyncRun, options: HoldOptions = {}): Promise<HeldRun> {
    const held = await this.#hold(row, options);
    await whole?.assertHeld();
    return held;
  }

  /** Takes the lease of a run. `again`: somebody began it before; counted as an attempt. */
  async #hold(row: SyncRun, { force = false, again = false }: HoldOptions = {}): Promise<HeldRun> {
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
      const [now] = await this.database.query<Pick<SyncRun, 'attempt' | 'failures'>>(
        // Who gave the run back has no part in it any more, or has said why.
        `UPDATE sync_runs SET attempt = attempt + 1, lease_until = NULL, worker = $3,
           failures = CASE WHEN worker IS NULL AND owner IS NULL THEN failures
             ELSE failures || jsonb_build_object('attempt', attempt, 'at', clock_timestamp(), 'reason',
               'The process ' || COALESCE(worker, owner::text) || ' was not heard of any more after ' || stage
               || ' had begun: it ended, or was cut off from the database.') END
         WHERE integration_id = $1 AND id = $2 RETURNING attempt, failures`,
        [run.integrationId, run.id, WORKER],
      );
      Object.assign(run, now);
    }
    return { run, lease };
  }
}

/** The `aborted` for a run beside another of the same, which it names. */
export function alreadyRunning({ id, integrationId, entityType }: SyncRun): ServiceError {
  return new ServiceError(
    'aborted',
    `A sync of ${entityType} is already running for this integration: run ${id}.`,
    {
      reason: 'SYNC_ALREADY_RUNNING',
      metadata: { runId: id, integrationId, entityType },
    },
  );
}
