import type { Database } from '../../database/index.js';
import type { HeldRun } from '../runs/run-request.js';
import type { RunStore } from '../runs/run-store.js';

/** What every step of a run works with. Steps return values; only the pipeline writes the run. */
export interface SyncContext extends HeldRun {
  database: Database;
  runs: RunStore;
}
