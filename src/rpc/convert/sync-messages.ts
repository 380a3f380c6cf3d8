import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  DecidedConflictSchema,
  MappingHistoryEntrySchema,
  RekeySchema,
  SyncDataResponseSchema,
  SyncPartSchema,
} from '../../../gen/smartid/integrations/v1/integration_service_pb.js';
import { MappingEntityType } from '../../../gen/smartid/integrations/v1/mapping_pb.js';
import {
  SyncChange_Action,
  SyncChange_Entity,
  SyncChange_Outcome,
  type SyncChangeSchema,
  SyncConflict_Resolution,
  type SyncConflictSchema,
  type SyncGuard,
  SyncIssue_Severity,
  type SyncIssueSchema,
  type SyncProgressSchema,
  SyncRun_Kind,
  SyncRun_Stage,
  SyncRun_Status,
  SyncRun_Trigger,
  type SyncRunSchema,
} from '../../../gen/smartid/integrations/v1/sync_pb.js';
import type { MappingHistoryEntry } from '../../mappings/index.js';
import type {
  BulkDecided,
  GuardOverride,
  Renumbered,
  SyncChange,
  SyncConflict,
  SyncIssue,
  SyncProgress,
  SyncReport,
  SyncRun,
} from '../../sync/index.js';
import { toMappingMessage } from './integration-messages.js';
import { enumValue, json, optional, timestamp } from './to-message.js';

export function toSyncRunMessage(
  run: SyncRun & { rollbackUntil?: Date | null },
): MessageInitShape<typeof SyncRunSchema> {
  return {
    id: run.id,
    integrationId: run.integrationId,
    entityType: enumValue(MappingEntityType, run.entityType),
    status: enumValue(SyncRun_Status, run.status),
    stage: enumValue(SyncRun_Stage, run.stage),
    counts: run.counts,
    membershipCounts: run.membershipCounts,
    error: optional(run.error),
    attempt: run.attempt,
    startedAt: timestamp(run.startedAt),
    finishedAt: timestamp(run.finishedAt),
    timings: run.timings,
    kind: enumValue(SyncRun_Kind, run.kind),
    parentId: optional(run.parentId),
    rollsBack: optional(run.rollsBack),
    rolledBackRunId: optional(run.rollsBack),
    evidence: {
      ...run.evidence,
      declaredTotal: optional(run.evidence.declaredTotal),
      memberships: {
        ...run.evidence.memberships,
        declaredTotal: optional(run.evidence.memberships.declaredTotal),
      },
    },
    approvedAt: timestamp(run.approvedAt),
    decision: optional(run.decision),
    guard: optional(run.guard),
    trigger: enumValue(SyncRun_Trigger, run.trigger),
    institutionId: run.institutionId,
    provider: run.provider ?? '',
    queuedAt: timestamp(run.queuedAt),
    failures: run.failures.map(({ attempt, at, reason }) => ({
      attempt,
      at: timestamp(new Date(at)),
      reason,
    })),
    progress: run.progress ? toProgressMessage(run.progress) : undefined,
    cancelRequestedAt: timestamp(run.cancelRequestedAt),
    rollbackUntil: timestamp(run.rollbackUntil ?? null),
    changesDroppedAt: timestamp(run.changesDroppedAt),
    issuesDroppedAt: timestamp(run.issuesDroppedAt),
    externalIds: run.externalIds ?? [],
  };
}

function toProgressMessage({
  rowsRead,
  rowsTotal,
  rowsPerSecond,
}: SyncProgress): MessageInitShape<typeof SyncProgressSchema> {
  const canTell = rowsTotal !== null && rowsPerSecond > 0;
  return {
    rowsRead,
    rowsTotal: optional(rowsTotal),
    rowsPerSecond,
    secondsLeft: canTell ? Math.ceil(Math.max(0, rowsTotal - rowsRead) / rowsPerSecond) : undefined,
  };
}

export function toSyncDataMessage(report: SyncReport): MessageInitShape<typeof SyncDataResponseSchema> {
  const { run: _, mappings, status, parts, ...rest } = report;
  return {
    ...rest,
    status: enumValue(SyncRun_Status, status),
    mappings: mappings.map(toMappingMessage),
    parts: parts.map(toSyncPartMessage),
  };
}

export function toSyncPartMessage(
  part: SyncReport['parts'][number],
): MessageInitShape<typeof SyncPartSchema> {
  const { run, runId, status, counts, membershipCounts, errors } = part;
  return {
    entityType: enumValue(MappingEntityType, run.entityType),
    runId,
    status: enumValue(SyncRun_Status, status),
    counts,
    membershipCounts,
    errors,
  };
}

export function toSyncChangeMessage(change: SyncChange): MessageInitShape<typeof SyncChangeSchema> {
  return {
    seq: change.seq,
    number: change.seq,
    entity: enumValue(SyncChange_Entity, change.entity),
    action: enumValue(SyncChange_Action, change.action),
    internalId: change.internalId,
    externalId: change.externalId,
    before: change.before ? json(change.before) : undefined,
    after: change.after ? json(change.after) : undefined,
    line: optional(change.line),
    missingBefore: optional(change.missingBefore),
    missingAfter: optional(change.missingAfter),
    outcome: change.outcome
      ? enumValue(SyncChange_Outcome, change.outcome)
      : SyncChange_Outcome.OUTCOME_UNSPECIFIED,
    reason: optional(change.reason),
  };
}

export function toSyncConflictMessage(conflict: SyncConflict): MessageInitShape<typeof SyncConflictSchema> {
  const { resolution } = conflict;
  return {
    id: conflict.id,
    entityType: enumValue(MappingEntityType, conflict.entityType),
    externalId: conflict.externalId,
    runId: conflict.runId,
    record: json(conflict.record),
    candidates: conflict.candidates,
    reason: conflict.reason,
    resolution: resolution
      ? enumValue(SyncConflict_Resolution, resolution)
      : SyncConflict_Resolution.RESOLUTION_UNSPECIFIED,
    internalId: optional(conflict.internalId),
    createdAt: timestamp(conflict.createdAt),
    resolvedAt: timestamp(conflict.resolvedAt),
  };
}

export function toDecidedConflictMessage(
  decided: BulkDecided,
): MessageInitShape<typeof DecidedConflictSchema> {
  return {
    conflictId: decided.conflictId,
    externalId: decided.externalId,
    internalId: optional(decided.internalId),
    formerExternalId: optional(decided.formerId),
    givenName: optional(decided.givenName),
    familyName: optional(decided.familyName),
  };
}

export function toRekeyMessage(person: Renumbered): MessageInitShape<typeof RekeySchema> {
  return {
    internalId: person.internalId,
    externalId: person.formerId,
    newExternalId: person.externalId,
    rule: person.rule,
    givenName: optional(person.givenName),
    familyName: optional(person.familyName),
  };
}

export function toHistoryEntryMessage(
  entry: MappingHistoryEntry,
): MessageInitShape<typeof MappingHistoryEntrySchema> {
  return {
    at: timestamp(entry.at),
    changedAt: timestamp(entry.at),
    runId: entry.runId,
    runKind: enumValue(SyncRun_Kind, entry.runKind),
    action: enumValue(SyncChange_Action, entry.action),
    externalId: entry.externalId,
    internalId: entry.internalId,
    formerExternalId: optional(entry.formerExternalId),
    reason: optional(entry.reason),
  };
}

export function toSyncIssueMessage(issue: SyncIssue): MessageInitShape<typeof SyncIssueSchema> {
  return {
    number: issue.number,
    severity: enumValue(SyncIssue_Severity, issue.severity),
    rule: issue.rule,
    message: issue.message,
    file: optional(issue.file),
    line: optional(issue.line),
    column: optional(issue.column),
    value: optional(issue.value),
    hint: optional(issue.hint),
    externalId: optional(issue.externalId),
  };
}

export function fromGuard(guard: SyncGuard | undefined): GuardOverride | undefined {
  if (!guard) return undefined;
  const { deactivatedPercent, changedPercent, reason } = guard;
  return { deactivatedPercent, changedPercent, reason };
}
