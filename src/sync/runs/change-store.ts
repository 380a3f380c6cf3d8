import type { Database } from '../../database/index.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../../paging.js';

export type SyncChangeAction =
  | 'CREATE'
  | 'UPDATE'
  | 'RESTORE'
  | 'DEACTIVATE'
  | 'MISSING'
  | 'LINK'
  | 'UNLINK'
  | 'DELETE'
  | 'REKEY';

/** One change that a run made, or that its plan would make. */
export interface SyncChange {
  /** Its number in the run. */
  seq: number;
  entity: 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER' | 'MEMBERSHIP';
  action: SyncChangeAction;
  internalId: string;
  externalId: string;
  /** The fields before; null where there was nothing. */
  before: Record<string, unknown> | null;
  /** The fields after; null where there is nothing. */
  after: Record<string, unknown> | null;
  /** Its line in the file; null where it has none. */
  line: number | null;
  /** In how many complete readings it was missing; null: its mapping is left alone. */
  missingBefore: number | null;
  missingAfter: number | null;
  /** Null: as the run. MOVED, REFUSED: it is not carried out. */
  outcome: 'MOVED' | 'REFUSED' | null;
  /** Why not. */
  reason: string | null;
}

export interface ListChangesRequest extends PageRequest {
  action?: SyncChangeAction | undefined;
  outcome?: 'MOVED' | 'REFUSED' | undefined;
}

/** Reads sync_changes: the plans and the log. */
export class ChangeStore {
  constructor(private readonly database: Database) {}

  /** A page of the changes of a run, in their order. */
  async list(integrationId: string, runId: string, request: ListChangesRequest): Promise<Page<SyncChange>> {
    const size = pageSizeOf(request);
    const [after = '0'] = readPageToken(request.pageToken, [TOKEN.integer]) ?? [];
    const rows = await this.database.query<SyncChange>(
      `SELECT seq, entity, action, internal_id AS "internalId", external_id AS "externalId", before, after,
        line,
         missing_before AS "missingBefore", missing_after AS "missingAfter", outcome, reason
       FROM sync_changes WHERE integration_id = $1 AND run_id = $2 AND seq > $3
         AND ($4::text IS NULL OR action = $4)
         AND ($5::text IS NULL OR outcome = $5)
       ORDER BY seq LIMIT $6`,
      [integrationId, runId, after, request.action ?? null, request.outcome ?? null, size + 1],
    );
    return toPage(
      rows,
      size,
      ({ seq }) => [String(seq)],
      (row) => row,
    );
  }
}
