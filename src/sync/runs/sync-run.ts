import type { MappingEntityType } from '../../connectors/index.js';
import type { GuardOverride } from '../policy.js';
import type { Evidence } from './evidence.js';

/**
 * QUEUED: it waits for a process that begins it. HELD: the guard wants a person to look at the plan. PREVIEWED:
 * a plan that was only asked for. Both can be approved. CANCELED: somebody stopped it before it wrote anything.
 */
export type SyncRunStatus =
  | 'QUEUED'
  | 'RUNNING'
  | 'COMPLETED'
  | 'FAILED'
  | 'HELD'
  | 'PREVIEWED'
  | 'DISCARDED'
  | 'CANCELED';
/** MANUAL: a person changed mappings; there was no source. */
export type SyncRunKind = 'SYNC' | 'PREVIEW' | 'ROLLBACK' | 'MANUAL';
/** What a run is about: one entity type, or all of them one after the other. */
export type SyncScope = MappingEntityType | 'ALL';
/** What started a run: a call, a schedule, or an event that a school's system sent, by a webhook or a push. */
export type RunTrigger = 'CALL' | 'SCHEDULE' | 'WEBHOOK';
export type SyncStage = 'READ' | 'PLAN' | 'APPLY' | 'REPORT';

/** How many rows of a run went which way: read = created + updated + unchanged + failed + conflicts. */
export interface SyncCounts {
  read: number;
  created: number;
  /** Those linked to somebody already in the roster, and those that came back, included. */
  updated: number;
  unchanged: number;
  failed: number;
  /** New people of whom nobody can tell who they are, and those that a person said to leave out. */
  conflicts: number;
  /** Mapped entities that the source no longer has. */
  missing: number;
  /** Deactivated: gone for longer than the grace, or inactive in the source. */
  deactivated: number;
  /** Rows that were not written because what they are about changed after the plan was made. */
  moved: number;
  warnings: number;
}

/** Milliseconds spent in each step. */
export interface SyncTimings {
  readMs: number;
  planMs: number;
  applyMs: number;
}

/** How an attempt ended that did not come to the end of its run. */
export interface SyncFailure {
  attempt: number;
  /** When that was found, as ISO 8601. */
  at: string;
  reason: string;
}

/** How far the reading of a source is. */
export interface SyncProgress {
  rowsRead: number;
  /** How many rows the source says it has; null where it does not say. */
  rowsTotal: number | null;
  /** Since the reading began. */
  rowsPerSecond: number;
}

export interface SyncRun {
  id: string;
  integrationId: string;
  institutionId: string;
  /** The provider of the integration; null when the integration was deleted before the run was begun. */
  provider: string | null;
  entityType: SyncScope;
  kind: SyncRunKind;
  status: SyncRunStatus;
  stage: SyncStage;
  counts: SyncCounts;
  membershipCounts: SyncCounts;
  timings: SyncTimings;
  /** Why it failed, or is held, in a sentence. */
  error: string | null;
  /** 1, and one more for each time that it was taken up again. */
  attempt: number;
  /** What started it. */
  trigger: RunTrigger;
  /** Whether its records were pushed to us. */
  pushed: boolean;
  /** The only ones of its entity type that it is about, by their ids in the school's system; null: all. */
  externalIds: string[] | null;
  /** The run of all entity types that this one is part of. */
  parentId: string | null;
  /** The run that this one takes back. */
  rollsBack: string | null;
  /** Where the institution's changes stood when the plan was made; null: there is no plan. */
  plannedPosition: string | null;
  /** How many changes the plan has. */
  plannedChanges: number | null;
  evidence: Evidence;
  /** Thresholds for this run alone. */
  guard: GuardOverride | null;
  /** When a person let the plan go on. */
  approvedAt: Date | null;
  /** Its place in the institution's order of changes; null as long as nothing of it was written. */
  appliedPosition: string | null;
  /** What was said at approving, discarding or canceling. */
  decision: string | null;
  /** When it was put into the queue; null: it began at once. */
  queuedAt: Date | null;
  /** How the attempts before ended that did not come to its end. */
  failures: SyncFailure[];
  /** How far the reading is; null before it. */
  progress: SyncProgress | null;
  /** When somebody asked for it to stop. */
  cancelRequestedAt: Date | null;
  /** When its changes were deleted for their age: it cannot be taken back any more. */
  changesDroppedAt: Date | null;
  /** When its issues were. */
  issuesDroppedAt: Date | null;
  /** When it began; of one that waits, when it was asked for. */
  startedAt: Date;
  finishedAt: Date | null;
}

export interface SyncIssue {
  number: number;
  severity: 'ERROR' | 'WARNING';
  rule: string;
  message: string;
  file: string | null;
  line: number | null;
  column: string | null;
  value: string | null;
  hint: string | null;
  externalId: string | null;
}

export function noCounts(): SyncCounts {
  return {
    read: 0,
    created: 0,
    updated: 0,
    unchanged: 0,
    failed: 0,
    conflicts: 0,
    missing: 0,
    deactivated: 0,
    moved: 0,
    warnings: 0,
  };
}

export function noTimings(): SyncTimings {
  return { readMs: 0, planMs: 0, applyMs: 0 };
}

export function addCounts(to: SyncCounts, more: SyncCounts): void {
  for (const name of Object.keys(to) as (keyof SyncCounts)[]) to[name] += more[name];
}
