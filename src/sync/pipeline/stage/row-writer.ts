import type { Database, Lease } from '../../../database/index.js';

/** Rows a statement. */
const BATCH = 500;

export type Cell = string | number | boolean | null | undefined;

/** A column of the table: its name, its type, and where a row has it. */
export type RowColumn<R> = readonly [name: string, type: string, pick: (row: R) => Cell];

/**
 * Writes rows to a table in batches, two batches on their way while the next is gathered. Call `flush` at the
 * end.
 */
export class RowWriter<R> {
  readonly #database: Database;
  readonly #lease: Lease;
  readonly #table: string;
  readonly #columns: readonly RowColumn<R>[];
  /** Rows of the batch, for `unnest`. */
  #rows: R[] = [];
  /** Rows of the batch in COPY's text form: made at once, so that no row outlives the page it came in. */
  #lines: string[] = [];
  /** The two batches sent last, the older one first. */
  #onTheirWay: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];

  constructor(options: {
    database: Database;
    lease: Lease;
    table: string;
    columns: readonly RowColumn<R>[];
  }) {
    this.#database = options.database;
    this.#lease = options.lease;
    this.#table = options.table;
    this.#columns = options.columns;
  }

  /** Takes a row. Wait for the promise where there is one: a batch is full. */
  write(row: R): Promise<void> | undefined {
    const size = this.#database.copies ? this.#lines.push(this.#toLine(row)) : this.#rows.push(row);
    return size >= BATCH ? this.#send() : undefined;
  }

  /** Writes what is left, and waits until all of it is there. */
  async flush(): Promise<void> {
    await this.#send();
    await Promise.all(this.#onTheirWay);
  }

  /**
   * Waits until nothing is on its way any more, whatever came of it: only then may rows of the run be
   * deleted.
   */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#onTheirWay);
  }

  async #send(): Promise<void> {
    const [older, newer] = this.#onTheirWay;
    await older;
    const [rows, lines] = [this.#rows, this.#lines];
    if (rows.length + lines.length === 0) return;
    this.#rows = [];
    this.#lines = [];
    const batch = this.#database.copies ? this.#copy(lines) : this.#unnest(rows);
    // A failure is told by a later wait; until then it must not count as unhandled.
    batch.catch(() => {});
    this.#onTheirWay = [newer, batch];
  }

  get #names(): string {
    return this.#columns.map(([name]) => name).join(', ');
  }

  #toLine(row: R): string {
    let line = '';
    for (const [, , pick] of this.#columns) line += `${copyText(pick(row))}\t`;
    return `${line.slice(0, -1)}\n`;
  }

  /** COPY: the fastest way into a real PostgreSQL. */
  async #copy(lines: readonly string[]): Promise<void> {
    // One text is one transaction: nothing comes in after the lease was lost.
    const sql = `SET LOCAL synchronous_commit = off; ${this.#lease.assertion}; COPY ${this.#table} (${this.#names}) FROM STDIN`;
    await this.#lease.fence(() => this.#database.copyIn(sql, lines.join('')));
  }

  /** Arrays in one statement: what the embedded database takes too. */
  async #unnest(rows: readonly R[]): Promise<void> {
    const arrays = this.#columns.map(
      ([, type], index) => `$${index + 1}::${type === 'text[]' ? 'text' : type}[]`,
    );
    // An array of arrays must be rectangular: lists travel as their text.
    const selected = this.#columns.map(([name, type]) => (type === 'text[]' ? `${name}::text[]` : name));
    const sql = `INSERT INTO ${this.#table} (${this.#names}) SELECT ${selected.join(', ')} FROM unnest(${arrays.join(', ')}) AS rows (${this.#names})`;
    const values = this.#columns.map(([, , pick]) => rows.map((row) => pick(row) ?? null));
    await this.#lease.transaction(() => this.#database.execute(sql, values));
  }
}

const HAS_SPECIAL = /[\\\t\n\r]/;
const SPECIAL = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A value in COPY's text form. */
function copyText(value: Cell): string | number | boolean {
  if (value === null || value === undefined) return '\\N';
  return typeof value === 'string' && HAS_SPECIAL.test(value)
    ? value.replace(SPECIAL, (character) => ESCAPES[character] as string)
    : value;
}
