import type { Lease } from '../../database/index.js';
import type { GuardOverride } from '../policy.js';
import type { RunTrigger, SyncRun, SyncRunKind, SyncScope } from './sync-run.js';

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
  /** Which of the entity type alone; default: all. */
  externalIds?: readonly string[] | undefined;
  /** What started it; default CALL. */
  trigger?: RunTrigger | undefined;
  /** The host of the school's system, and how many runs may read it at once. */
  host?: { name: string; limit: number } | undefined;
}

/** A run with the right to work on it. */
export interface HeldRun {
  run: SyncRun;
  lease: Lease;
  /** Aborted with RunStopped when the work is to stop at its next page. */
  stop?: AbortSignal | undefined;
}

/** Aborted when the work on a run has no business any more to go on, for whatever reason. */
export function signalOf({ lease, stop }: HeldRun): AbortSignal {
  return stop ? AbortSignal.any([lease.signal, stop]) : lease.signal;
}

/** Throws `aborted` when the run is known to be another's, RunStopped when it is to stop. */
export function throwIfOver({ lease, stop }: HeldRun): void {
  lease.throwIfLost();
  stop?.throwIfAborted();
}
