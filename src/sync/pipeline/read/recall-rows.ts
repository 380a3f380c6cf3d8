import type { RecordSource } from '../../../connectors/index.js';
import type { Database } from '../../../database/index.js';
import type { IssueLog } from '../../issues/index.js';
import type { SyncRun } from '../../runs/sync-run.js';

/** More errors than this are not rows that somebody corrects one by one. */
const MAX_ROWS = 20_000;

/**
 * Gives errors that were found after their rows had passed (an id that came twice, a group that nobody knows)
 * the cells of these rows, by reading the rows once more: so that rows without errors need not be kept. A run
 * without such errors does nothing here.
 */
export async function recallRows(options: {
  database: Database;
  run: SyncRun;
  source: RecordSource;
  issues: IssueLog;
}): Promise<void> {
  const { database, run, source, issues } = options;
  if (!source.rowsAgain || issues.rowsWithoutCells === 0) return;
  await issues.flush();
  const errors = await database.query<{ number: number; file: string; line: number }>(
    `SELECT number, file, line FROM sync_issues
     WHERE integration_id = $1 AND run_id = $2 AND severity = 'ERROR' AND cells IS NULL AND file IS NOT NULL
       AND line IS NOT NULL
     ORDER BY number LIMIT $3`,
    [run.integrationId, run.id, MAX_ROWS],
  );
  const numbers: number[] = [];
  const cells: string[] = [];
  for (const [file, lines] of byFileAndLine(errors)) {
    try {
      for await (const row of source.rowsAgain(file, new Set(lines.keys()))) {
        const stored = issues.storeCells(row.cells);
        if (stored === undefined) break;
        for (const number of lines.get(row.line) ?? []) {
          numbers.push(number);
          cells.push(stored);
        }
      }
    } catch {
      // The file is away or another one by now. All was read from it that the run needs: these errors go
      // without cells.
    }
  }
  if (numbers.length === 0) return;
  await database.execute(
    `UPDATE sync_issues i SET cells = r.cells FROM unnest($3::int[], $4::jsonb[]) AS r (number, cells)
     WHERE i.integration_id = $1 AND i.run_id = $2 AND i.number = r.number`,
    [run.integrationId, run.id, numbers, cells],
  );
}

function byFileAndLine(
  errors: readonly { number: number; file: string; line: number }[],
): Map<string, Map<number, number[]>> {
  const files = new Map<string, Map<number, number[]>>();
  for (const { number, file, line } of errors) {
    const lines = files.get(file) ?? new Map<number, number[]>();
    files.set(file, lines);
    lines.set(line, [...(lines.get(line) ?? []), number]);
  }
  return files;
}
