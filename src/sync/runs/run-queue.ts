import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { storableText } from '../../values/index.js';
import { MOST_FAILURES } from './dispatch.js';
import { recordRun } from './record-run.js';
import type { RunClaims, RunId } from './run-claims.js';
import type { HeldRun, RunRequest } from './run-request.js';
import { RUN_COLUMNS, toRun } from './run-rows.js';
import type { SyncRun } from './sync-run.js';

/** A run that was put into the queue, and how many of its institution wait before it. */
export interface Queued {
  run: SyncRun;
  /** False: one that is the same waited already. */
  isNew: boolean;
  before: number;
}

/**
 * What becomes of a run that a worker was given: held, ended or gone, or not now and why. `isInLine`: it waits for others
 * to end, maybe for long.
 */
export type Taken = { held: HeldRun } | { held?: undefined; later?: string; isInLine?: boolean };

/** The host that a run waits for, and how many may read it at once. */
export interface HostOfRun {
  host: string | null;
  hostLimit: number | null;
}

/** Of a run that has begun already, or that reads no host. */
export const NO_HOST: HostOfRun = { host: null, hostLimit: null };

/** How many runs of one institution are under way at once, over all processes. */
export const MOST_OF_INSTITUTION = 2;
/** So many entities are read one by one at most: of more, the list is read. */
export const MOST_SINGLE = 50;
/** A run of which so many attempts came to nothing may be what ends processes. */
const DEATHS_OF_SUSPECT = 2;
/** After how long it is looked whether a run that waits still has its job, in seconds. */
const LONG_SECONDS = 60;
/** How many of them at once. */
const MOST_LOST = 50;

/** The runs that wait, and their turn: which may begin, and which were left by processes that died. */
export class RunQueue {
  constructor(
    private readonly database: Database,
    private readonly claims: RunClaims,
  ) {}

  /**
   * Puts a run into the queue, inside the caller's transaction; one that waits and does the same, or more, is that
   * one. One that waits for some entities takes others in, or becomes one of all. Throws `aborted` when one waits
   * that is another.
   */
  async add(request: RunRequest): Promise<Queued> {
    const {
      integrationId,
      institutionId,
      entityType,
      kind = 'SYNC',
      guard,
      host,
      trigger = 'CALL',
    } = request;
    const externalIds = request.externalIds ?? null;
    await this.claims.requireIntegration(integrationId);
    const [{ before } = { before: 0 }] = await this.database.query<{ before: number }>(
      `SELECT count(*)::int AS before FROM sync_runs WHERE institution_id = $1 AND status = 'QUEUED'`,
      [institutionId],
    );
    const [row] = await this.database.query<SyncRun>(
      `INSERT INTO sync_runs (integration_id, id, institution_id, entity_type, kind, guard, host, host_limit,
         trigger, external_ids, status, queued_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'QUEUED', clock_timestamp())
       ON CONFLICT (integration_id, entity_type) WHERE status = 'QUEUED' DO NOTHING
       RETURNING ${RUN_COLUMNS}`,
      [
        integrationId,
        randomUUID(),
        institutionId,
        entityType,
        kind,
        guard ?? null,
        host?.name ?? null,
        host?.limit ?? null,
        trigger,
        externalIds,
      ],
    );
    const after = { entityType, kind, guard, trigger, externalIds: externalIds ?? undefined };
    if (row) {
      await recordRun(this.database, 'started', row, { after });
      return { run: toRun(row), isNew: true, before };
    }
    const waiting = await this.find(request);
    // It has begun meanwhile: this one takes its place.
    if (!waiting) return this.add(request);
    if (waiting.kind === 'SYNC' && kind === 'SYNC') {
      if (externalIds) {
        const joined = waiting.externalIds ? await this.#takeIn(waiting, externalIds) : waiting;
        return joined ? { run: joined, isNew: false, before } : this.add(request);
      }
      if (waiting.externalIds) {
        const widened = await this.#widen(waiting, { guard, trigger });
        if (!widened) return this.add(request);
        await recordRun(this.database, 'started', widened, { after });
        return { run: widened, isNew: true, before };
      }
    }
    const isSame =
      waiting.kind === kind && isDeepStrictEqual(waiting.guard, JSON.parse(JSON.stringify(guard ?? null)));
    if (!isSame) throw alreadyQueued(waiting);
    return { run: waiting, isNew: false, before };
  }

  /** Lets a run that waits for some entities read others too. Undefined when it does not wait any more. */
  async #takeIn({ integrationId, id }: SyncRun, more: readonly string[]): Promise<SyncRun | undefined> {
    const [row] = await this.database.query<SyncRun>(
      `UPDATE sync_runs r SET external_ids = (
         SELECT CASE WHEN r.external_ids IS NOT NULL AND count(*) <= ${MOST_SINGLE}
           THEN array_agg(id ORDER BY id) END
         FROM (SELECT unnest(r.external_ids) UNION SELECT unnest($3::text[])) AS ids (id))
       WHERE integration_id = $1 AND id = $2 AND status = 'QUEUED' RETURNING ${RUN_COLUMNS}`,
      [integrationId, id, more],
    );
    return row && toRun(row);
  }

  /** Makes a run that waits for some entities one of all. Undefined when it does not wait any more. */
  async #widen(
    { integrationId, id }: SyncRun,
    { guard, trigger }: Pick<RunRequest, 'guard' | 'trigger'>,
  ): Promise<SyncRun | undefined> {
    const [row] = await this.database.query<SyncRun>(
      `UPDATE sync_runs SET external_ids = NULL, guard = $3, trigger = $4
       WHERE integration_id = $1 AND id = $2 AND status = 'QUEUED' RETURNING ${RUN_COLUMNS}`,
      [integrationId, id, guard ?? null, trigger],
    );
    return row && toRun(row);
  }

  /** The run of the same that waits. */
  async find({
    integrationId,
    entityType,
  }: Pick<RunRequest, 'integrationId' | 'entityType'>): Promise<SyncRun | undefined> {
    const [row] = await this.database.query<SyncRun>(
      `SELECT ${RUN_COLUMNS} FROM sync_runs
       WHERE integration_id = $1 AND entity_type = $2 AND status = 'QUEUED'`,
      [integrationId, entityType],
    );
    return row && toRun(row);
  }

  /**
   * Takes a run that a worker was given: one that waits, where it may begin now, or one whose process died.
   * The institution's runs take turns here, so that no two processes begin one too many. `maySuspect`: whether this
   * process may take one that has ended processes, it seems.
   */
  async take({ integrationId, runId }: RunId, maySuspect: () => boolean): Promise<Taken> {
    return this.database
      .transaction(async (): Promise<Taken> => {
        const [found] = await this.database.query<Waiting>(
          `SELECT status, institution_id AS "institutionId", entity_type AS "entityType", host,
             host_limit AS "hostLimit",
             cancel_requested_at IS NULL AND attempts.failed >= ${DEATHS_OF_SUSPECT}
               AND (attempts.failed < ${MOST_FAILURES} OR applied_position IS NOT NULL) AS "isSuspect"
           FROM sync_runs, LATERAL (SELECT jsonb_array_length(failures)
             + (worker IS NOT NULL OR owner IS NOT NULL)::int AS failed) attempts
           WHERE integration_id = $1 AND id = $2`,
          [integrationId, runId],
        );
        if (found?.status === 'QUEUED') {
          await this.#lockTurns(found);
          const later = await this.#notYet(integrationId, found);
          if (later) return { later, isInLine: true };
          const held = await this.claims.start(integrationId, runId);
          return held ? { held } : {};
        }
        if (found?.status !== 'RUNNING') return {};
        if (found.isSuspect && !maySuspect())
          return { later: 'Another run whose processes have died is under way in this one.' };
        const held = await this.claims.claimDeadRun({ integrationId, runId });
        return held ? { held } : { later: 'Another process works on the run.' };
      })
      .catch((error: { constraint?: string }): Taken => {
        // A run that did not wait began at this very moment.
        if (error.constraint === 'sync_runs_one_running') return { later: 'Another run of the same began.' };
        throw error;
      });
  }

  /** Ends a run that waits. Undefined when it does not wait any more. */
  async cancelWaiting(integrationId: string, runId: string, reason: string): Promise<SyncRun | undefined> {
    return this.database.transaction(async () => {
      const [row] = await this.database.query<SyncRun>(
        `UPDATE sync_runs SET status = 'CANCELED', error = $3, decision = $4,
           cancel_requested_at = clock_timestamp(), finished_at = clock_timestamp()
         WHERE integration_id = $1 AND id = $2 AND status = 'QUEUED' RETURNING ${RUN_COLUMNS}`,
        [integrationId, runId, 'Canceled before it began.', storableText(reason) || null],
      );
      if (!row) return undefined;
      await recordRun(this.database, 'canceled', row, { after: { decision: row.decision } });
      return toRun(row);
    });
  }

  /** Asks whoever works on a run to stop. False when nobody does. */
  async askToStop(integrationId: string, runId: string, reason: string): Promise<boolean> {
    return this.database.transaction(async () => {
      const [row] = await this.database.query<SyncRun>(
        `UPDATE sync_runs SET cancel_requested_at = COALESCE(cancel_requested_at, clock_timestamp()),
           decision = COALESCE($3, decision)
         WHERE integration_id = $1 AND id = $2 AND status = 'RUNNING' RETURNING ${RUN_COLUMNS}`,
        [integrationId, runId, storableText(reason) || null],
      );
      if (!row) return false;
      await this.database.query(`SELECT pg_notify('sync_cancels', $1)`, [runId]);
      await recordRun(this.database, 'canceled', row, { after: { decision: row.decision } });
      return true;
    });
  }

  /** Those of these runs that somebody asked to stop. */
  async askedToStop(runIds: readonly string[]): Promise<string[]> {
    if (runIds.length === 0) return [];
    const rows = await this.database.query<{ id: string }>(
      'SELECT id FROM sync_runs WHERE id = ANY($1::uuid[]) AND cancel_requested_at IS NOT NULL',
      [runIds],
    );
    return rows.map(({ id }) => id);
  }

  /** Runs that may have no job: those whose process died, and those that have waited for long. */
  async listLost(): Promise<(RunId & HostOfRun)[]> {
    const dead = await this.claims.listDead();
    const waiting = await this.database.query<RunId & HostOfRun>(
      `SELECT integration_id AS "integrationId", id AS "runId", host, host_limit AS "hostLimit" FROM sync_runs
       WHERE status = 'QUEUED' AND queued_at < clock_timestamp() - make_interval(secs => $1)
       ORDER BY random() LIMIT $2`,
      [LONG_SECONDS, MOST_LOST],
    );
    return [...dead.map((run) => ({ ...run, ...NO_HOST })), ...waiting];
  }

  /** The runs of an institution that have waited longest: as many as may be under way at once. */
  async listNext(institutionId: string): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM sync_runs
       WHERE institution_id = $1 AND status = 'QUEUED'
       ORDER BY queued_at LIMIT ${MOST_OF_INSTITUTION}`,
      [institutionId],
    );
    return rows.map(({ id }) => id);
  }

  /** Of two processes that look who may begin, one waits for the other. */
  async #lockTurns({ institutionId, host }: Waiting): Promise<void> {
    // Always in this order.
    for (const name of [`runs of ${institutionId}`, ...(host ? [`runs at ${host}`] : [])])
      await this.database.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
  }

  /** Why a run may not begin now; undefined when it may. */
  async #notYet(integrationId: string, run: Waiting): Promise<string | undefined> {
    const [now] = await this.database.query<Record<'same' | 'ofInstitution' | 'atHost', number>>(
      `SELECT
         (SELECT count(*)::int FROM sync_runs WHERE integration_id = $1 AND status = 'RUNNING'
            AND parent_id IS NULL AND (entity_type IN ($2, 'ALL') OR $2 = 'ALL')) AS same,
         (SELECT count(*)::int FROM sync_runs WHERE institution_id = $3 AND status = 'RUNNING'
            AND parent_id IS NULL AND queued_at IS NOT NULL) AS "ofInstitution",
         (SELECT count(*)::int FROM sync_runs WHERE host = $4 AND status = 'RUNNING') AS "atHost"`,
      [integrationId, run.entityType, run.institutionId, run.host],
    );
    if (!now) return undefined;
    if (now.same > 0) return 'Another run of the integration is under way.';
    if (now.ofInstitution >= MOST_OF_INSTITUTION)
      return 'As many runs of the institution as may be are under way.';
    if (run.hostLimit !== null && now.atHost >= run.hostLimit)
      return `As many runs as may be read from ${run.host} already.`;
    return undefined;
  }
}

interface Waiting extends HostOfRun {
  status: SyncRun['status'];
  /** Whether it may be what ends processes, and would be worked on: one that was canceled or is given up ends at once. */
  isSuspect: boolean;
  institutionId: string;
  entityType: SyncRun['entityType'];
}

/** The `aborted` for a run beside which another of the same waits. */
export function alreadyQueued({ id, integrationId, entityType }: SyncRun): ServiceError {
  return new ServiceError(
    'aborted',
    `A sync of ${entityType} waits already for this integration: run ${id}.`,
    { reason: 'SYNC_ALREADY_RUNNING', metadata: { runId: id, integrationId, entityType } },
  );
}
