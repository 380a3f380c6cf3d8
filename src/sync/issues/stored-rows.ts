import type { RecordPage, RecordTable } from '../../connectors/index.js';

/** How the file of a run is written, as sync_runs keeps it. */
export interface StoredTable extends RecordTable {
  /** Whether it holds the entities of the run, and not the memberships. */
  entities: boolean;
  /** Header of the column with the id. */
  idColumn: string | undefined;
}

/** What cannot be stored as it is, and the character that stands in front of it. */
const SPECIAL = /[\0\u2400]|\p{Surrogate}/gu;
const ESCAPED = /\u2400(.)/gu;

/** Cells as JSON text for PostgreSQL, which takes neither NUL characters nor halves of characters. */
export function toStoredCells(cells: readonly string[]): string {
  return JSON.stringify(
    cells.map((cell) =>
      cell.replace(SPECIAL, (found) =>
        found === '\0' ? '\u24000' : found === '\u2400' ? '\u2400\u2400' : '\ufffd',
      ),
    ),
  );
}

/** Cells as they were before `toStoredCells`. */
export function fromStoredCells(stored: readonly string[]): string[] {
  return stored.map((cell) =>
    cell.replace(ESCAPED, (_, character: string) => (character === '0' ? '\0' : character)),
  );
}

/** The table of a page, as it is kept. */
export function toStoredTable(
  table: RecordTable,
  columns: RecordPage<unknown>['columns'],
  entities: boolean,
): StoredTable {
  const { header, delimiter, encoding, bom } = table;
  return {
    header: header.map((name) => name.replaceAll('\0', '')),
    delimiter,
    encoding,
    bom,
    entities,
    idColumn: columns?.externalId?.replaceAll('\0', ''),
  };
}
