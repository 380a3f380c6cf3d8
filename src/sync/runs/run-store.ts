import { NEXT_POSITION } from '../../changes/index.js';
import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { type Page, type PageRequest, pageSizeOf, toPage } from '../../paging.js';
import { storableJson, storableText } from '../../values/index.js';
import { closeConflicts } from '../conflicts/former-decision.js';
import { announceEnd } from './announce-end.js';
import { recordRun } from './record-run.js';
import { type RunFilter, runList } from './run-list.js';
import type { HeldRun } from './run-request.js';
import { RUN_COLUMNS, requireWaiting, toRun } from './run-rows.js';
import { addCounts, noCounts, type SyncRun } from './sync-run.js';

/** The rows of sync_runs: what runs, and what came of it. */
export class RunStore {
  constructor(private readonly database: Database) {}

  /** Says how far a run is. */
  async saveProgress({ run, lease }: HeldRun): Promise<void> {
    await lease.transaction(() =>
      this.database.execute(
        `UPDATE sync_runs SET stage = $3, counts = $4, membership_counts = $5, timings = $6, progress = $7
          WHERE integration_id = $1 AND id = $2`,
        [run.integrationId, run.id, run.stage, run.counts, run.membershipCounts, run.timings, run.progress],
      ),
    );
  }

  /** Says which step a run is in, for those who watch it; beside everything else, and without failing. */
  saveStage({ run, lease }: HeldRun): void {
    this.database
      .executeApart(
        `UPDATE sync_runs SET stage = $3, progress = $4 WHERE integration_id = $1 AND id = $2 AND status = 'RUNNING'
           AND EXISTS (SELECT 1 FROM leases
             WHERE integration_id = $1 AND resource = 'run:' || $2::text AND owner = $5)`,
        [run.integrationId, run.id, run.stage, run.progress, lease.owner],
      )
      .catch(() => undefined);
  }

  /** Leaves a run to whoever takes it up next. `reason`: why this attempt failed; none: it did not. */
  async handBack({ run, lease }: HeldRun, reason?: string): Promise<void> {
    await this.database.transaction(async () => {
      await this.database.execute(
        `UPDATE sync_runs SET worker = NULL, stage = 'READ', progress = NULL,
           failures = CASE WHEN $3::text IS NULL THEN failures ELSE failures || jsonb_build_object(
             'attempt', attempt, 'at', clock_timestamp(), 'reason', $3::text) END
         WHERE integration_id = $1 AND id = $2`,
        [run.integrationId, run.id, reason === undefined ? null : storableText(reason)],
      );
      await lease.assertHeld();
      await lease.release();
    });
  }

  /**
   * Ends a run that was canceled: nothing of it is left but its row. One that was applied at the last moment
   * is completed, and a plan that was being applied waits again.
   */
  async finishCanceled(held: HeldRun, { isApproval }: { isApproval: boolean }): Promise<void> {
    const { run } = held;
    const key = [run.integrationId, run.id];
    await this.database.transaction(async () => {
      const [stored] = await this.database.query<Pick<SyncRun, 'appliedPosition' | 'decision'>>(
        `SELECT applied_position AS "appliedPosition", decision FROM sync_runs
         WHERE integration_id = $1 AND id = $2 FOR UPDATE`,
        key,
      );
      Object.assign(run, stored);
      if (run.entityType === 'ALL') await this.#askPartsToStop(run);
      if (run.appliedPosition) Object.assign(run, { status: 'COMPLETED', error: null });
      else if (isApproval)
        Object.assign(run, { status: run.kind === 'PREVIEW' ? 'PREVIEWED' : 'HELD', approvedAt: null });
      else {
        Object.assign(run, { status: 'CANCELED', error: await this.#whatStays(run) });
        for (const table of ['sync_staged', 'sync_changes'])
          await this.database.execute(`DELETE FROM ${table} WHERE integration_id = $1 AND run_id = $2`, key);
        await this.#dropConflicts(run.integrationId, [run.id]);
      }
      await this.finish(held);
    });
  }

  /** A part whose end could not be written is taken up by itself: it ends as its run does, and reads nothing more. */
  async #askPartsToStop({ integrationId, id }: SyncRun): Promise<void> {
    await this.database.execute(
      `UPDATE sync_runs SET cancel_requested_at = COALESCE(cancel_requested_at, clock_timestamp())
       WHERE integration_id = $1 AND parent_id = $2 AND status = 'RUNNING'`,
      [integrationId, id],
    );
  }

  /** What a canceled run says of itself; of one of all types, whose parts may be done, with their counts. */
  async #whatStays(run: SyncRun): Promise<string> {
    const parts = run.entityType === 'ALL' ? await this.parts(run.integrationId, run.id) : [];
    const done = parts.filter(({ appliedPosition }) => appliedPosition);
    if (done.length === 0) return 'The run was canceled; nothing was written.';
    Object.assign(run, { counts: noCounts(), membershipCounts: noCounts() });
    for (const { counts, membershipCounts } of done) {
      addCounts(run.counts, counts);
      addCounts(run.membershipCounts, membershipCounts);
    }
    return `The run was canceled. What was done before stays: ${done.map(({ entityType }) => entityType).join(', ')}.`;
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
      `UPDATE sync_runs SET applied_position = ${NEXT_POSITION}, counts = $3, membership_counts = $4,
        evidence = $5
       WHERE integration_id = $1 AND id = $2 RETURNING applied_position AS position`,
      [run.integrationId, run.id, run.counts, run.membershipCounts, storableJson(run.evidence)],
    );
    if (!row) throw deleted();
    run.appliedPosition = row.position;
  }

  /** Ends a run with the status and the error it has by now, its lease with it, and tells of it. */
  async finish({ run, lease }: HeldRun): Promise<void> {
    await this.database.transaction(async () => {
      // What a process staged that died on the run, where this attempt did not come to it.
      if (run.attempt > 1) {
        await this.database.execute('DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $2', [
          run.integrationId,
          run.id,
        ]);
      }
      // A run whose end cannot be stored would stay RUNNING.
      run.error &&= storableText(run.error);
      const [ended] = await this.database.query<Pick<SyncRun, 'finishedAt'>>(
        `UPDATE sync_runs SET status = $3, error = $4, stage = $5, counts = $6, membership_counts = $7,
          timings = $8,
           evidence = $9, approved_at = $10, finished_at = clock_timestamp()
         WHERE integration_id = $1 AND id = $2 RETURNING finished_at AS "finishedAt"`,
        [
          run.integrationId,
          run.id,
          run.status,
          run.error,
          run.stage,
          run.counts,
          run.membershipCounts,
          run.timings,
          storableJson(run.evidence),
          run.approvedAt,
        ],
      );
      // Run before lease, as whoever claims a run locks them: else the two could wait for each other.
      await lease.assertHeld();
      Object.assign(run, ended);
      await lease.release();
      await announceEnd(this.database, run);
    });
  }

  /** Inside the apply transaction: the conflicts that the run has met wait on whatever becomes of plans. */
  async keepConflicts(run: SyncRun): Promise<void> {
    await this.database.execute(
      // Another plan may have met them since, and they are that one's by now.
      `UPDATE sync_conflicts d SET lasting = true WHERE d.integration_id = $1 AND NOT d.lasting
         AND (d.run_id = $2 OR d.entity_type = $3 AND d.external_id IN (SELECT i.external_id FROM sync_issues i
           WHERE i.integration_id = $1 AND i.run_id = $2 AND i.rule = 'identity.conflict'))`,
      [run.integrationId, run.id, run.entityType],
    );
  }

  /**
   * Closes the conflicts that only these plans have met, which are discarded. Those that another plan has met
   * that waits are that one's again.
   */
  async #dropConflicts(integrationId: string, runIds: readonly string[]): Promise<void> {
    if (runIds.length === 0) return;
    await this.database.execute(
      `UPDATE sync_conflicts d SET run_id = w.id FROM (
         SELECT DISTINCT ON (r.entity_type, i.external_id) r.id, r.entity_type, i.external_id
         FROM sync_runs r
         JOIN sync_issues i ON i.integration_id = $1 AND i.run_id = r.id AND i.rule = 'identity.conflict'
         WHERE r.integration_id = $1 AND r.status IN ('HELD', 'PREVIEWED') AND r.id <> ALL($2::uuid[])
         ORDER BY r.entity_type, i.external_id, r.started_at DESC) w
       WHERE d.integration_id = $1 AND d.run_id = ANY($2::uuid[]) AND NOT d.lasting AND d.resolution IS NULL
         AND d.entity_type = w.entity_type AND d.external_id = w.external_id`,
      [integrationId, runIds],
    );
    await closeConflicts(
      this.database,
      'd.integration_id = $1 AND d.run_id = ANY($2::uuid[]) AND NOT d.lasting',
      [integrationId, runIds],
    );
  }

  /**
   * Discards the held plans that a newer reading of the same has replaced, and the runs that were held for
   * them alone.
   */
  async supersede(run: SyncRun): Promise<void> {
    const decision = `Run ${run.id} read the source anew.`;
    const discarded = await this.database.query<{ id: string; parentId: string | null }>(
      `UPDATE sync_runs SET status = 'DISCARDED', decision = $4
       WHERE integration_id = $1 AND (entity_type = $2 OR $2 = 'ALL') AND id <> $3
         AND parent_id IS DISTINCT FROM $3 AND status = 'HELD'
       RETURNING id, parent_id AS "parentId"`,
      [run.integrationId, run.entityType, run.id, decision],
    );
    await this.#dropConflicts(
      run.integrationId,
      discarded.map(({ id }) => id),
    );
    for (const { parentId } of discarded)
      if (parentId) await this.#discardEmpty(run.integrationId, parentId, decision);
  }

  /**
   * Discards the held plans of some records, pushed or read one by one, that the held plan of this run, of some
   * records too, has anew, memberships included: what the school system tells again waits once.
   */
  async supersedeSame(run: SyncRun): Promise<void> {
    await this.database.execute(
      `UPDATE sync_runs r SET status = 'DISCARDED', decision = $4
       WHERE r.integration_id = $1 AND r.entity_type = $3 AND r.id <> $2 AND r.status = 'HELD'
         AND (r.pushed OR r.external_ids IS NOT NULL)
         AND NOT EXISTS (${plannedBy('r.id')} EXCEPT ${plannedBy('$2')})`,
      [run.integrationId, run.id, run.entityType, `Run ${run.id} has the same records anew.`],
    );
  }

  /** A run of all entity types of which no part waits any more has nothing to be decided on. */
  async #discardEmpty(integrationId: string, runId: string, decision: string): Promise<void> {
    await this.database.execute(
      `UPDATE sync_runs r SET status = 'DISCARDED', decision = $3
       WHERE integration_id = $1 AND id = $2 AND status IN ('HELD', 'PREVIEWED') AND NOT EXISTS (
         SELECT 1 FROM sync_runs p
           WHERE p.integration_id = $1 AND p.parent_id = $2 AND p.status IN ('HELD', 'PREVIEWED'))`,
      [integrationId, runId, decision],
    );
  }

  /** Ends a run of all entity types whose parts were decided on one by one, the last of them by an approval. */
  async completeDecided(integrationId: string, runId: string): Promise<void> {
    await this.database.execute(
      `UPDATE sync_runs r SET status = 'COMPLETED', error = NULL
       WHERE r.integration_id = $1 AND r.id = $2 AND r.status = 'HELD' AND NOT EXISTS (
         SELECT 1 FROM sync_runs p
           WHERE p.integration_id = $1 AND p.parent_id = $2 AND p.status <> ALL('{COMPLETED,DISCARDED}'))`,
      [integrationId, runId],
    );
  }

  /**
   * Throws `failed_precondition` when a run is no plan that waits for a person, `not_found` when there is no
   * such run.
   */
  async assertWaiting(integrationId: string, runId: string): Promise<void> {
    requireWaiting(await this.get(integrationId, runId));
  }

  /**
   * Puts a plan away that waits for a person. `alone`: it is decided on by itself, so that a run of all entity
   * types of which it is the last part that waits goes with it. Throws `failed_precondition` when the run is
   * none, or somebody decided on it first.
   */
  async discard(
    integrationId: string,
    runId: string,
    decision: string,
    { alone = false }: { alone?: boolean } = {},
  ): Promise<SyncRun> {
    await this.assertWaiting(integrationId, runId);
    const row = await this.database.transaction(async () => {
      const [discarded] = await this.database.query<SyncRun>(
        `UPDATE sync_runs SET status = 'DISCARDED', decision = $3
         WHERE integration_id = $1 AND id = $2 AND status IN ('HELD', 'PREVIEWED') RETURNING ${RUN_COLUMNS}`,
        [integrationId, runId, decision],
      );
      if (!discarded) return undefined;
      await this.#dropConflicts(integrationId, [runId]);
      await recordRun(this.database, 'discarded', discarded, { after: { decision } });
      if (alone && discarded.parentId) await this.#discardEmpty(integrationId, discarded.parentId, decision);
      return discarded;
    });
    if (row) return toRun(row);
    await this.assertWaiting(integrationId, runId);
    // Somebody's approval came to nothing meanwhile, and the plan waits again.
    return this.discard(integrationId, runId, decision, { alone });
  }

  /** The parts of a run of all entity types, in the order they ran. */
  async parts(integrationId: string, runId: string): Promise<SyncRun[]> {
    const rows = await this.database.query<SyncRun>(
      `SELECT ${RUN_COLUMNS} FROM sync_runs WHERE integration_id = $1 AND parent_id = $2
        ORDER BY started_at, id`,
      [integrationId, runId],
    );
    return rows.map(toRun);
  }

  async get(integrationId: string, runId: string): Promise<SyncRun> {
    const [row] = await this.database.query<SyncRun>(
      `SELECT ${RUN_COLUMNS} FROM sync_runs WHERE integration_id = $1 AND id = $2`,
      [integrationId, runId],
    );
    if (row) return toRun(row);
    throw new ServiceError('not_found', `There is no run ${runId} of this integration.`, {
      reason: 'SYNC_RUN_NOT_FOUND',
    });
  }

  /** The runs of an integration, or of all without one, that fit; newest first. */
  async list(integrationId: string | undefined, request: PageRequest & RunFilter): Promise<Page<SyncRun>> {
    const size = pageSizeOf(request);
    const { text, values } = runList(integrationId, request, size + 1);
    const rows = await this.database.query<SyncRun & { key: string }>(text, values);
    return toPage(
      rows,
      size,
      ({ key, ...row }) => [key, row.id],
      ({ key: _, ...row }) => toRun(row),
    );
  }
}

/**
 * SQL for what the plan of a run is about, by external ids: two plans that bring somebody new have other
 * internal ids for the same person. Of a membership both ends count.
 */
function plannedBy(runId: string): string {
  return `SELECT c.entity, c.external_id, c.after->>'role' AS role,
      CASE WHEN c.entity = 'MEMBERSHIP' THEN COALESCE(p.external_id, c.internal_id::text) END AS person
    FROM sync_changes c
    LEFT JOIN sync_changes p ON p.integration_id = $1 AND p.run_id = ${runId}
      AND p.entity = c.after->>'role' AND p.internal_id = c.internal_id AND p.action IN ('CREATE', 'LINK')
    WHERE c.integration_id = $1 AND c.run_id = ${runId}`;
}

/** The run's integration was deleted while it was under way, and the run with it. */
function deleted(): ServiceError {
  return new ServiceError('aborted', 'The integration was deleted while this run was under way.', {
    reason: 'INTEGRATION_DELETED',
  });
}
