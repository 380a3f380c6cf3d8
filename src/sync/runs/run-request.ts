import type { Lease } from '../../database/index.js';
import type { GuardOverride } from '../policy.js';
import type { SyncRun, SyncRunKind, SyncScope } from './sync-run.js';

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
