import type { RecordIssue, RecordPage } from '../../connectors/index.js';
import type { Database, Lease } from '../../database/index.js';
import { cleanExternalId, quoted, storableJson, storableText } from '../../values/index.js';
import { type StoredTable, toStoredCells, toStoredTable } from './stored-rows.js';

const BATCH = 2_000;
const MAX_VALUE = 200;

/**
 * Characters of cells that a run keeps. When there are more, something is wrong with whole files, not with
 * rows.
 */
const MAX_CELLS = 32 * 1024 * 1024;

/**
 * The issue as one sentence: `students.csv line 17: correo "x@" is not a valid address`, and where there are
 * no lines,
 * `teachers "P111": email "x@" is not a valid address`.
 */
export function describeIssue(issue: RecordIssue, source: string): string {
  return `${placeOf(issue, source)}: ${issue.problem}`;
}

function placeOf({ file, line, externalId, problem }: RecordIssue, source: string): string {
  const origin = file ?? source;
  if (line !== undefined) return `${origin} line ${line}`;
  const name = externalId && quoted(externalId);
  // Some problems name the record themselves.
  return name && !problem.includes(name) ? `${origin} ${name}` : origin;
}

export interface IssueLogOptions {
  database: Database;
  lease: Lease;
  integrationId: string;
  runId: string;
  /** What to call the origin of an issue that names no file, `students` say. */
  source: string;
}

/** How far a log has come. */
export interface IssueMark {
  count: number;
  errors: number;
  warnings: number;
  rowsWithoutCells: number;
  roomForCells: number;
  tables: ReadonlyMap<string, StoredTable | undefined>;
}

type NumberedIssue = Omit<RecordIssue, 'cells'> & {
  number: number;
  message: string;
  cells: string | undefined;
};

/**
 * Gathers the issues of a run, numbers them in the order they are found, and writes them in batches; of
 * errors, with the cells of their rows.
 */
export class IssueLog {
  #batch: NumberedIssue[] = [];
  #count = 0;
  #errors = 0;
  #warnings = 0;
  #rowsWithoutCells = 0;
  #roomForCells = MAX_CELLS;
  /** By file; undefined once it was written. */
  readonly #tables = new Map<string, StoredTable | undefined>();
  readonly #filesWithErrors = new Set<string>();

  readonly #options: IssueLogOptions;

  constructor(options: IssueLogOptions) {
    this.#options = options;
  }

  get errors(): number {
    return this.#errors;
  }

  get warnings(): number {
    return this.#warnings;
  }

  /** How many errors are about a row of a file, and came without its cells. */
  get rowsWithoutCells(): number {
    return this.#rowsWithoutCells;
  }

  /** Takes note how the file of a page is written. */
  noteTable({ file, table, columns }: RecordPage<unknown>, { entities }: { entities: boolean }): void {
    if (file !== undefined && table && !this.#tables.has(file)) {
      this.#tables.set(file, toStoredTable(table, columns, entities));
    }
  }

  /** Cells as they are stored; undefined when the run has kept enough. */
  storeCells(cells: readonly string[]): string | undefined {
    if (this.#roomForCells <= 0) return undefined;
    const stored = toStoredCells(cells);
    this.#roomForCells -= stored.length;
    return stored;
  }

  async add({ cells, ...issue }: RecordIssue): Promise<void> {
    const message = describeIssue(issue, this.#options.source);
    this.#count += 1;
    let stored: string | undefined;
    if (issue.severity === 'warning') this.#warnings += 1;
    else {
      this.#errors += 1;
      if (cells) stored = this.storeCells(cells);
      else if (issue.file !== undefined && issue.line !== undefined) this.#rowsWithoutCells += 1;
      if (issue.file !== undefined) this.#filesWithErrors.add(issue.file);
    }
    if (this.#batch.push({ ...issue, number: this.#count, message, cells: stored }) >= BATCH)
      await this.flush();
  }

  /** Where the log is now, to come back to. What came before is written first. */
  async mark(): Promise<IssueMark> {
    await this.flush();
    return {
      count: this.#count,
      errors: this.#errors,
      warnings: this.#warnings,
      rowsWithoutCells: this.#rowsWithoutCells,
      roomForCells: this.#roomForCells,
      tables: new Map(this.#tables),
    };
  }

  /**
   * Takes back what was added after a mark, also what was written in a transaction that was rolled back since.
   */
  async rewind(mark: IssueMark): Promise<void> {
    const { count, errors, warnings, rowsWithoutCells, roomForCells, tables } = mark;
    if (this.#count === count) return;
    this.#batch = [];
    const { database, lease, integrationId, runId } = this.#options;
    await lease.transaction(() =>
      database.execute('DELETE FROM sync_issues WHERE integration_id = $1 AND run_id = $2 AND number > $3', [
        integrationId,
        runId,
        count,
      ]),
    );
    this.#count = count;
    this.#errors = errors;
    this.#warnings = warnings;
    this.#rowsWithoutCells = rowsWithoutCells;
    this.#roomForCells = roomForCells;
    for (const [file, table] of tables) this.#tables.set(file, table);
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    const tables = this.#freshTables();
    if (batch.length + tables.length === 0) return;
    await this.#options.lease.transaction(async () => {
      await this.#writeTables(tables);
      if (batch.length > 0) await this.#writeIssues(batch);
    });
  }

  async #writeIssues(batch: readonly NumberedIssue[]): Promise<void> {
    const { database, integrationId, runId } = this.#options;
    const column = (pick: (issue: NumberedIssue) => unknown) => batch.map((issue) => pick(issue) ?? null);
    await database.execute(
      `INSERT INTO sync_issues (integration_id, run_id, number, severity, rule, message, file, line, "column",
        value, hint, external_id,
         cells)
       SELECT $1::uuid, $2::uuid, *
         FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[],
         $10::text[], $11::text[], $12::text[], $13::jsonb[])`,
      [
        integrationId,
        runId,
        column(({ number }) => number),
        column(({ severity }) => severity.toUpperCase()),
        column(({ rule }) => storable(rule)),
        column(({ message }) => storable(message)),
        column(({ file }) => storable(file)),
        column(({ line }) => line),
        column((issue) => storable(issue.column)),
        column(({ value }) => storable(value)?.slice(0, MAX_VALUE)),
        column(({ hint }) => storable(hint)),
        column(({ externalId }) => mappable(externalId)),
        column(({ cells }) => cells),
      ],
    );
  }

  /** Files with errors of which the run does not say yet how they are written. */
  #freshTables(): [file: string, table: StoredTable][] {
    const fresh = [...this.#tables].filter(
      (entry): entry is [string, StoredTable] =>
        entry[1] !== undefined && this.#filesWithErrors.has(entry[0]),
    );
    for (const [file] of fresh) this.#tables.set(file, undefined);
    return fresh;
  }

  async #writeTables(fresh: readonly (readonly [string, StoredTable])[]): Promise<void> {
    if (fresh.length === 0) return;
    const { database, integrationId, runId } = this.#options;
    await database.execute(
      'UPDATE sync_runs SET tables = tables || $3::jsonb WHERE integration_id = $1 AND id = $2',
      [integrationId, runId, storableJson(Object.fromEntries(fresh))],
    );
  }
}

/**
 * The id as mappings have it, whole: by it is known that the source spoke of somebody. Undefined for what can
 * be nobody's id.
 */
function mappable(externalId: string | undefined): string | undefined {
  const id = cleanExternalId(externalId);
  return typeof id === 'string' ? id : undefined;
}

function storable(text: string | undefined): string | undefined {
  return text === undefined ? undefined : storableText(text);
}
