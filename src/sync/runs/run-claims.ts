import { randomUUID } from 'node:crypto';
import { recordEvent } from '../../audit/index.js';
import type { Database, Lease, Leases } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { storableText } from '../../values/index.js';
import type { HeldRun, RunKey, RunRequest } from './run-request.js';
import { RUN_COLUMNS, requireWaiting, toRun } from './run-rows.js';
import type { RunStore } from './run-store.js';
import type { SyncRun } from './sync-run.js';

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
    } = request;
    return this.database.transaction(async () => {
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
        `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, kind, guard, parent_id,
          rolls_back, pushed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
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
        ],
      );
      if (!row) return undefined;
      await this.#record('started', row, {
        after: { entityType, kind, guard, partOf: parentId, rollsBack, pushed: pushed || undefined },
      });
      return this.#holdPart(whole, row);
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
         SELECT 1 FROM sync_runs p
           JOIN leases w ON w.integration_id = p.integration_id AND w.resource = 'run:' || p.id
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
          `UPDATE sync_runs SET status = 'RUNNING', approved_at = clock_timestamp(), decision = $3
           WHERE integration_id = $1 AND id = $2 AND status IN ('HELD', 'PREVIEWED')
             RETURNING ${RUN_COLUMNS}`,
          [integrationId, runId, storableText(decision)],
        );
        if (row) {
          const run = toRun(row);
          await this.#record('approved', run, {
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

  async #record(
    done: 'started' | 'approved',
    { id, integrationId, institutionId }: SyncRun,
    change: { before?: object; after: object },
  ): Promise<void> {
    await recordEvent(this.database, {
      institutionId,
      action: `sync_run.${done}`,
      objectType: 'SYNC_RUN',
      objectId: id,
      integrationId,
      runId: id,
      ...change,
    });
  }

  async #claim(condition: string, values: unknown[]): Promise<HeldRun | undefined> {
    return this.database.transaction(async () => {
      const [row] = await this.database.query<SyncRun>(
        // The columns are those of the row that is locked: it may have been written since the statement
        // began.
        `SELECT ${RUN_COLUMNS} FROM (SELECT r.* FROM sync_runs r
           LEFT JOIN leases l ON l.integration_id = r.integration_id AND l.resource = 'run:' || r.id
           WHERE r.status = 'RUNNING'
             AND (l.owner IS NULL OR (l.expires_at < clock_timestamp() AND l.owner <> ALL($1::uuid[])))
             AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp()) AND ${condition}
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
      run.attempt += 1;
      await this.database.execute(
        'UPDATE sync_runs SET attempt = $3, lease_until = NULL WHERE integration_id = $1 AND id = $2',
        [run.integrationId, run.id, run.attempt],
      );
    }
    return { run, lease };
  }
}
