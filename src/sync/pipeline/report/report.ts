import type { SyncedMapping } from '../../../connectors/index.js';
import { type Database, MAPPING_COLUMNS } from '../../../database/index.js';
import type { SyncCounts, SyncRun } from '../../runs/sync-run.js';

/** How many error sentences a report holds. */
export const MAX_SENTENCES = 100;
/** How many mappings a report holds. */
export const MAX_REPORTED_MAPPINGS = 1_000;

/** What a run leaves behind for whoever asked for it. */
export interface SyncReport {
  /** The run as it ended. */
  run: SyncRun;
  runId: string;
  /** Whether the roster is now as the source has it; false for a plan that is held, true for a preview. */
  success: boolean;
  /** COMPLETED, FAILED, HELD, PREVIEWED or CANCELED. */
  status: SyncRun['status'];
  /** created + updated + unchanged. */
  synced: number;
  /** Why it failed, is held or was canceled, then a sentence for each row that was kept out; at most 100. */
  errors: string[];
  errorCount: number;
  warningCount: number;
  /** Mappings that the run made or changed, at most 1,000. */
  mappings: ReportedMapping[];
  mappingsTruncated: boolean;
  counts: SyncCounts;
  membershipCounts: SyncCounts;
  /** Why nobody is taken for gone, and no membership for ended, where the reading does not prove it. */
  gaps: string[];
  /** Of a run of all entity types: the report of each. */
  parts: SyncReport[];
}

export interface ReportedMapping extends SyncedMapping {
  id: string;
  integrationId: string;
  metadata: Record<string, unknown>;
  status: 'ACTIVE' | 'MISSING';
  createdAt: Date;
  updatedAt: Date;
}

/** What the run comes to, for whoever asked for it, from what is stored of it. */
export async function report(database: Database, run: SyncRun): Promise<SyncReport> {
  const isApplied = run.status === 'COMPLETED';
  const mappings = await database.query<ReportedMapping>(
    `SELECT ${MAPPING_COLUMNS}
     FROM (SELECT seq, external_id, internal_id, entity FROM sync_changes
           WHERE integration_id = $1 AND run_id = $2 AND entity <> 'MEMBERSHIP' AND outcome IS NULL
             ORDER BY seq LIMIT $3) c
     -- OFFSET 0 keeps the planner from joining all mappings to look up a few.
     JOIN LATERAL (SELECT * FROM integration_mappings WHERE integration_id = $1 AND entity_type = c.entity
                     AND external_id = c.external_id AND internal_id = c.internal_id OFFSET 0) m ON true
     ORDER BY c.seq`,
    [run.integrationId, run.id, isApplied ? MAX_REPORTED_MAPPINGS + 1 : 0],
  );
  const { created, updated, unchanged, moved } = run.counts;
  const isStopped = run.status === 'HELD' || run.status === 'FAILED' || run.status === 'CANCELED';
  const stopped = isStopped ? [run.error ?? 'The run failed.'] : [];
  const errors = await errorsOf(database, run);
  return {
    run,
    runId: run.id,
    success: isApplied || run.status === 'PREVIEWED',
    status: run.status,
    synced: isApplied ? created + updated + unchanged - moved : 0,
    errors: [...stopped, ...errors.sentences],
    errorCount: errors.count + stopped.length,
    warningCount: run.counts.warnings,
    mappings: mappings.slice(0, MAX_REPORTED_MAPPINGS),
    mappingsTruncated: mappings.length > MAX_REPORTED_MAPPINGS,
    counts: run.counts,
    membershipCounts: run.membershipCounts,
    gaps: [...run.evidence.gaps, ...run.evidence.memberships.gaps],
    parts: [],
  };
}

/** The first errors of a run, a sentence each, and how many there are. */
async function errorsOf(database: Database, run: SyncRun): Promise<{ sentences: string[]; count: number }> {
  const [row] = await database.query<{ sentences: string[] | null; count: number }>(
    `SELECT (array_agg(message ORDER BY number))[1:$3] AS sentences, count(*)::int AS count FROM sync_issues
     WHERE integration_id = $1 AND run_id = $2 AND severity = 'ERROR'`,
    [run.integrationId, run.id, MAX_SENTENCES],
  );
  return { sentences: row?.sentences ?? [], count: row?.count ?? 0 };
}
