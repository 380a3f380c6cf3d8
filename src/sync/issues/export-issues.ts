import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { ENTITY_SPECS } from '../../roster/index.js';
import type { SyncRun } from '../runs/sync-run.js';
import { readFailedRecords, readFailedRows } from './failed-rows.js';
import { failedRecordsCsv, failedRowsCsv } from './failed-rows-csv.js';
import type { StoredTable } from './stored-rows.js';

/** What failed in a run, as a file. */
export interface IssueExport {
  /** What to call it: `students-errors.csv`. */
  fileName: string;
  /** With the encoding: `text/csv; charset=utf-8`. */
  contentType: string;
  content: Uint8Array;
}

/** A file with failed rows. */
interface FailedFile {
  file: string;
  errors: number;
  table: StoredTable;
}

/**
 * The rows of a run that failed, ready to be corrected and imported again: of `file`, else of the file of the
 * entities, else of the one there is. What failed in a source without files is a list. Throws `not_found`
 * when nothing failed.
 */
export async function exportIssues(database: Database, run: SyncRun, file?: string): Promise<IssueExport> {
  const { integrationId } = run;
  const runs = await database.query<{ id: string; tables: Record<string, StoredTable> }>(
    'SELECT id, tables FROM sync_runs WHERE integration_id = $1 AND (id = $2 OR parent_id = $2) ORDER BY started_at, id',
    [integrationId, run.id],
  );
  const runIds = runs.map(({ id }) => id);
  const counts = await database.query<{ file: string | null; errors: number }>(
    `SELECT file, count(*)::int AS errors FROM sync_issues
     WHERE integration_id = $1 AND run_id = ANY($2::uuid[]) AND severity = 'ERROR' GROUP BY file`,
    [integrationId, runIds],
  );
  const wanted = counts.filter((count) => file === undefined || count.file === file);
  if (wanted.length === 0) throw run.issuesDroppedAt ? issuesDropped(run) : noFailedRows(counts, file);
  const tables = runs.map((one) => one.tables);
  const chosen = choose(wanted.flatMap(({ file: name, errors }) => toFailedFile(name, errors, tables)));
  if (!chosen) {
    const content = failedRecordsCsv(await readFailedRecords(database, { integrationId, runIds, file }));
    const name = run.entityType === 'ALL' ? 'sync' : ENTITY_SPECS[run.entityType].table;
    return { fileName: errorsOf(file ?? name), contentType: 'text/csv; charset=utf-8', content };
  }
  const rows = await readFailedRows(database, { integrationId, runIds, file: chosen.file }, chosen.table);
  return {
    fileName: errorsOf(chosen.file),
    contentType: `text/csv; charset=${chosen.table.encoding}`,
    content: failedRowsCsv(chosen.table, rows),
  };
}

/** A file that several parts of a run have read is the same in all of them. */
function toFailedFile(
  file: string | null,
  errors: number,
  tables: readonly Record<string, StoredTable>[],
): FailedFile[] {
  const table = file === null ? undefined : tables.findLast((byFile) => byFile[file])?.[file];
  return file !== null && table ? [{ file, errors, table }] : [];
}

/** Entities before memberships; of several files with entities, the one with the most errors. */
function choose(files: readonly FailedFile[]): FailedFile | undefined {
  return [...files].sort(
    (a, b) =>
      Number(b.table.entities) - Number(a.table.entities) ||
      b.errors - a.errors ||
      (a.file < b.file ? -1 : 1),
  )[0];
}

function errorsOf(file: string): string {
  const name = file.replace(/^.*[\\/]/, '').replace(/\.gz$/i, '');
  return `${name.replace(/\.[^.]*$/, '')}-errors.csv`;
}

function issuesDropped({ id }: SyncRun): ServiceError {
  return new ServiceError('not_found', `Run ${id} ended so long ago that its issues are no longer kept.`, {
    reason: 'SYNC_ISSUES_DROPPED',
    metadata: { runId: id },
  });
}

function noFailedRows(counts: readonly { file: string | null }[], file: string | undefined): ServiceError {
  const others = counts.flatMap((count) => count.file ?? []).sort();
  const where = others.length > 0 ? ` Rows failed in ${others.join(', ')}.` : '';
  const message =
    file === undefined ? 'No row failed in this run.' : `No row of "${file}" failed in this run.${where}`;
  return new ServiceError('not_found', message, { reason: 'NO_FAILED_ROWS' });
}
