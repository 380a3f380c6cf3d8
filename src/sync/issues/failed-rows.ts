import type { Database } from '../../database/index.js';
import type { FailedRecord, FailedRow } from './failed-rows-csv.js';
import { fromStoredCells, type StoredTable } from './stored-rows.js';

/** More are not corrected by hand: those are the first ones. */
const MAX_ISSUES = 100_000;

/** Issues of a run and of its parts, and of one file where that is told. */
export interface IssueScope {
  integrationId: string;
  runIds: readonly string[];
  file: string;
}

interface IssueRow {
  message: string;
  line: number | null;
  column: string | null;
  value: string | null;
  hint: string | null;
  externalId: string | null;
  cells: string[] | null;
}

/** The rows of a file that failed, in the order of the file, each with all that was found wrong in it. */
export async function readFailedRows(
  database: Database,
  scope: IssueScope,
  table: StoredTable,
): Promise<FailedRow[]> {
  const { integrationId, runIds, file } = scope;
  const of = (alias: string) =>
    `${alias}.integration_id = $1 AND ${alias}.run_id = ANY($2::uuid[]) AND ${alias}.file = $3`;
  const issues = await database.query<IssueRow>(
    `SELECT i.message, i.line, i."column", i.value, i.hint, i.external_id AS "externalId", i.cells
      FROM sync_issues i
     WHERE ${of('i')} AND (i.severity = 'ERROR'
       OR i.line IN (SELECT e.line FROM sync_issues e WHERE ${of('e')} AND e.severity = 'ERROR'))
     ORDER BY i.line NULLS LAST, i.number LIMIT $4`,
    [integrationId, runIds, file, MAX_ISSUES],
  );
  const rows = new Map<string, IssueRow[]>();
  for (const [index, issue] of issues.entries()) {
    const key = issue.line === null ? `id ${issue.externalId ?? index}` : `line ${issue.line}`;
    rows.set(key, [...(rows.get(key) ?? []), issue]);
  }
  return [...rows.values()].map((found) => toFailedRow(found, file, table));
}

/** What failed, error by error: for sources that have no tables. */
export async function readFailedRecords(
  database: Database,
  { integrationId, runIds, file }: Omit<IssueScope, 'file'> & { file?: string | undefined },
): Promise<FailedRecord[]> {
  const issues = await database.query<IssueRow>(
    `SELECT message, "column", value, hint, external_id AS "externalId" FROM sync_issues
     WHERE integration_id = $1 AND run_id = ANY($2::uuid[]) AND severity = 'ERROR'
       AND ($3::text IS NULL OR file = $3)
     ORDER BY array_position($2::uuid[], run_id), number LIMIT $4`,
    [integrationId, runIds, file ?? null, MAX_ISSUES],
  );
  return issues.map(({ externalId, column, value, message, hint }) => ({
    externalId,
    column,
    value,
    reason: sentence(message, hint),
  }));
}

function toFailedRow(issues: readonly IssueRow[], file: string, table: StoredTable): FailedRow {
  const line = issues[0]?.line ?? null;
  const stored = issues.find(({ cells }) => cells !== null)?.cells;
  // The place stands in a word of its own, once.
  const place = `${file} line ${line}: `;
  const sentences = issues.map(({ message, hint }) =>
    sentence(message.startsWith(place) ? message.slice(place.length) : message, hint),
  );
  return { line, cells: stored ? fromStoredCells(stored) : knownCells(issues, table), sentences };
}

/** Of a row whose cells were not kept: the id, and the values that its errors speak of. */
function knownCells(issues: readonly IssueRow[], { header, idColumn }: StoredTable): string[] {
  const cells = header.map(() => '');
  const put = (name: string | null | undefined, value: string | null) => {
    const position = header.findIndex((cell) => cell.trim() === name);
    if (position >= 0 && value !== null) cells[position] = value;
  };
  for (const { column, value } of issues) put(column, value);
  for (const { externalId } of issues) put(idColumn, externalId);
  return cells;
}

function sentence(message: string, hint: string | null): string {
  return hint ? `${message}. ${hint.replace(/\.$/, '')}` : message;
}
