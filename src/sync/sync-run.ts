import type { MappingEntityType } from '../connectors/index.js';

export type SyncRunStatus = 'RUNNING' | 'COMPLETED' | 'FAILED';
export type SyncStage = 'READ' | 'PLAN' | 'APPLY' | 'REPORT';

/** How many rows of a run went which way: read = created + updated + unchanged + failed. */
export interface SyncCounts {
  read: number;
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  /** Mapped entities that the source no longer has. */
  missing: number;
  warnings: number;
}

/** Milliseconds spent in each room. */
export interface SyncTimings {
  readMs: number;
  planMs: number;
  applyMs: number;
}

export interface SyncRun {
  id: string;
  integrationId: string;
  institutionId: string;
  entityType: MappingEntityType;
  status: SyncRunStatus;
  stage: SyncStage;
  counts: SyncCounts;
  membershipCounts: SyncCounts;
  timings: SyncTimings;
  /** Why it failed, in a sentence. */
  error: string | null;
  /** 1, and one more for each process that died on it. */
  attempt: number;
  /** Token of the execution that holds the run: a new one each time it is begun or taken up. */
  owner: string;
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
  return { read: 0, created: 0, updated: 0, unchanged: 0, failed: 0, missing: 0, warnings: 0 };
}

export function noTimings(): SyncTimings {
  return { readMs: 0, planMs: 0, applyMs: 0 };
}
