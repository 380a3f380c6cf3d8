import type { Database } from '../../database/index.js';
import { type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../../paging.js';
import type { SyncIssue } from '../runs/sync-run.js';

/** The issues of a run in the order they were found. */
export async function listIssues(
  database: Database,
  runId: string,
  request: PageRequest & { integrationId: string; severity?: SyncIssue['severity'] | undefined },
) {
  const size = pageSizeOf(request);
  const [after = '0'] = readPageToken(request.pageToken, [TOKEN.integer]) ?? [];
  const rows = await database.query<SyncIssue>(
    `SELECT number, severity, rule, message, file, line, "column", value, hint, external_id AS "externalId"
      FROM sync_issues
     WHERE integration_id = $1 AND run_id = $2 AND number > $3 AND ($4::text IS NULL OR severity = $4)
     ORDER BY number LIMIT $5`,
    [request.integrationId, runId, after, request.severity ?? null, size + 1],
  );
  return toPage(
    rows,
    size,
    (row) => [String(row.number)],
    (row) => row,
  );
}
