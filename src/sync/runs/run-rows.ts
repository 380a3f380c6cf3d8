import { ServiceError } from '../../errors.js';
import { noEvidence } from './evidence.js';
import { noCounts, noTimings, type SyncCounts, type SyncRun, type SyncTimings } from './sync-run.js';

/** The columns of sync_runs that a run is made of: the list of a SELECT. */
export const RUN_COLUMNS = `id, integration_id AS "integrationId", institution_id AS "institutionId", provider, entity_type AS "entityType", kind, status,
  stage, counts, membership_counts AS "membershipCounts", timings, error, attempt, trigger, pushed, external_ids AS "externalIds", parent_id AS "parentId",
  rolls_back AS "rollsBack", planned_position AS "plannedPosition", planned_changes AS "plannedChanges", evidence, guard, approved_at AS "approvedAt", decision,
  applied_position AS "appliedPosition", queued_at AS "queuedAt", failures, progress,
  cancel_requested_at AS "cancelRequestedAt", changes_dropped_at AS "changesDroppedAt",
  issues_dropped_at AS "issuesDroppedAt", started_at AS "startedAt", finished_at AS "finishedAt"`;

/** A run as it is stored; fields that a version before did not know have their initial values. */
export function toRun(row: SyncRun): SyncRun {
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

/** Whether a run did something that can still be taken back. */
export function canRollBack({ status, kind, changesDroppedAt }: SyncRun): boolean {
  return status === 'COMPLETED' && kind !== 'MANUAL' && changesDroppedAt === null;
}

/** Of a run whose changes were deleted. */
export function changesDropped(runId: string): ServiceError {
  return new ServiceError(
    'failed_precondition',
    `Run ${runId} ended so long ago that its changes are no longer kept: it cannot be taken back any more.`,
    { reason: 'SYNC_CHANGES_DROPPED', metadata: { runId } },
  );
}

/** Throws `failed_precondition` when a run is no plan that waits for a person. */
export function requireWaiting(run: SyncRun): undefined {
  if (run.status === 'HELD' || run.status === 'PREVIEWED') return;
  throw new ServiceError(
    'failed_precondition',
    `Run ${run.id} is ${run.status}; only a plan that is HELD or PREVIEWED can be decided on.`,
    {
      reason: 'SYNC_RUN_NOT_WAITING',
    },
  );
}
