import type { Database, Lease } from '../../../database/index.js';
import { BinaryRows, bytesOfCells, type Cell, type ColumnType } from './binary-rows.js';

/** Rows a statement, where rows travel as arrays. */
const BATCH_ROWS = 500;
/** Bytes from which on a batch is sent, where rows travel by COPY. */
const BATCH_BYTES = 256 * 1_024;
/** The last row of a batch may go beyond that. */
const ROOM_BYTES = 16 * 1_024;

/** A column of the table: its name, its type, and where a row has it, or what all rows have. */
export type RowColumn<R> = readonly [name: string, type: ColumnType, pick: ((row: R) => Cell) | string];

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
  /** The batch for COPY: encoded at once, so that no row outlives the page it came in. */
  #batch: BinaryRows | undefined;
  /** Batches that have arrived, whose bytes are used again. */
  readonly #free: BinaryRows[] = [];
  /** What all rows have in common, as COPY takes it; its columns come first. */
  readonly #common: Buffer;
  readonly #picked: readonly (readonly [type: ColumnType, pick: (row: R) => Cell])[];
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
    const isCommon = ([, , pick]: RowColumn<R>) => typeof pick === 'string';
    const common = options.columns.filter(isCommon);
    const picked = options.columns.filter((column) => !isCommon(column));
    this.#columns = [...common, ...picked];
    this.#common = bytesOfCells(common.map(([, type, value]) => [type, value as string]));
    this.#picked = picked.map(([, type, pick]) => [type, pick as (row: R) => Cell]);
  }

  /** Takes a row. Wait for the promise where there is one: a batch is full. */
  write(row: R): Promise<void> | undefined {
    if (!this.#database.copies) return this.#rows.push(row) >= BATCH_ROWS ? this.#send() : undefined;
    this.#batch ??= this.#free.pop() ?? new BinaryRows(BATCH_BYTES + ROOM_BYTES);
    const batch = this.#batch;
    batch.begin(this.#columns.length);
    batch.addBytes(this.#common);
    for (const [type, pick] of this.#picked) batch.add(type, pick(row));
    return batch.length >= BATCH_BYTES ? this.#send() : undefined;
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
    const [rows, binary] = [this.#rows, this.#batch];
    if (rows.length === 0 && !binary) return;
    this.#rows = [];
    this.#batch = undefined;
    const batch = binary ? this.#copy(binary) : this.#unnest(rows);
    // A failure is told by a later wait; until then it must not count as unhandled.
    batch.catch(() => {});
    this.#onTheirWay = [newer, batch];
  }

  get #names(): string {
    return this.#columns.map(([name]) => name).join(', ');
  }

  /** COPY: the fastest way into a real PostgreSQL. */
  async #copy(batch: BinaryRows): Promise<void> {
    // One text is one transaction: nothing comes in after the lease was lost.
    const sql = `SET LOCAL synchronous_commit = off; ${this.#lease.assertion}; COPY ${this.#table} (${this.#names}) FROM STDIN (FORMAT binary)`;
    await this.#lease.fence(() => this.#database.copyIn(sql, batch.whole()));
    batch.clear();
    this.#free.push(batch);
  }

  /** Arrays in one statement: what the embedded database takes too. */
  async #unnest(rows: readonly R[]): Promise<void> {
    const arrays = this.#columns.map(
      ([, type], index) => `$${index + 1}::${type === 'text[]' ? 'text' : type}[]`,
    );
    // An array of arrays must be rectangular: lists travel as their text.
    const selected = this.#columns.map(([name, type]) => (type === 'text[]' ? `${name}::text[]` : name));
    const sql = `INSERT INTO ${this.#table} (${this.#names}) SELECT ${selected.join(', ')}
      FROM unnest(${arrays.join(', ')}) AS rows (${this.#names})`;
    const values = this.#columns.map(([, , pick]) =>
      rows.map((row) => toParameter(typeof pick === 'string' ? pick : pick(row))),
    );
    await this.#lease.transaction(() => this.#database.execute(sql, values));
  }
}

/** A cell as a parameter has it: bytes of a UUID and lists as their text. */
function toParameter(value: Cell): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (typeof value !== 'object') return value;
  return `{${value.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join()}}`;
}
