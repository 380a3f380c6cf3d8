import type { RecordSource } from '../../../connectors/index.js';
import type { Database, Lease } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { IssueLog } from '../../issues/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';

/** What the staging of a source works with. */
export interface StageOptions {
  database: Database;
  lease: Lease;
  run: SyncRun;
  spec: EntitySpec;
  source: RecordSource;
  policy: SyncPolicy;
  issues: IssueLog;
  /** Called after each page; the run is to stop when it throws. */
  onPage: () => Promise<void>;
}
