import type { Database } from '../../database/index.js';
import type { StagedRow } from './stage-record.js';

/** Rows a statement. */
const BATCH = 500;

/** A column of sync_staged: its name, its type, and where a row has it. */
type StagedColumn = [name: string, type: string, pick: (row: StagedRow) => string | number | boolean | null | undefined];

const COLUMNS: readonly StagedColumn[] = [
  ['kind', 'text', (row) => row.kind],
  ['file', 'text', (row) => row.file],
  ['line', 'int', (row) => row.line],
  ['external_id', 'text', (row) => row.externalId],
  ['digest', 'uuid', (row) => row.digest],
  ['dropped', 'text[]', (row) => row.dropped && `{${row.dropped.join()}}`],
  ['active', 'boolean', (row) => row.active],
  ['metadata', 'jsonb', (row) => row.metadata],
  ['course_external_id', 'text', (row) => row.courseExternalId],
  ['person_external_id', 'text', (row) => row.personExternalId],
  ['role', 'text', (row) => row.role],
];

/** Types of value columns that are no text. */
const VALUE_TYPES: Readonly<Record<string, string>> = { enrolled_on: 'date', birth_date: 'date' };

/** Writes rows to sync_staged in batches, one batch on its way while the next is gathered. Call `flush` at the end. */
export class StagedWriter {
  readonly #database: Database;
  readonly #fixed: readonly [integrationId: string, runId: string];
  readonly #columns: readonly StagedColumn[];
  /** Rows of the batch, for `unnest`. */
  #rows: StagedRow[] = [];
  /** Rows of the batch in COPY's text form: made at once, so that no row outlives the page it came in. */
  #lines: string[] = [];
  #next = 1;
  #onItsWay: Promise<void> = Promise.resolve();

  /** `valueColumns`: the value columns that the rows of this run may fill. */
  constructor(options: { database: Database; integrationId: string; runId: string; valueColumns: readonly string[] }) {
    this.#database = options.database;
    this.#fixed = [options.integrationId, options.runId];
    this.#columns = [
      ...COLUMNS,
      ...options.valueColumns.map((name): StagedColumn => [name, VALUE_TYPES[name] ?? 'text', (row) => row.values[name]]),
    ];
  }

  /** Takes a row. Wait for the promise where there is one: a batch is full. */
  write(row: StagedRow): Promise<void> | undefined {
    const seq = this.#next++;
    const size = this.#database.copies ? this.#lines.push(this.#toLine(row, seq)) : this.#rows.push(row);
    return size >= BATCH ? this.#send() : undefined;
  }

  /** Writes what is left, and waits until all of it is there. */
  async flush(): Promise<void> {
    await this.#send();
    await this.#onItsWay;
  }

  async #send(): Promise<void> {
    await this.#onItsWay;
    const [rows, lines] = [this.#rows, this.#lines];
    if (rows.length + lines.length === 0) return;
    this.#rows = [];
    this.#lines = [];
    this.#onItsWay = this.#database.copies ? this.#copy(lines) : this.#unnest(rows, this.#next - rows.length);
    // A failure is told by the next wait; until then it must not count as unhandled.
    this.#onItsWay.catch(() => {});
  }

  #toLine(row: StagedRow, seq: number): string {
    let line = `${this.#fixed[0]}\t${this.#fixed[1]}\t${seq}`;
    for (const [, , pick] of this.#columns) line += `\t${copyText(pick(row))}`;
    return `${line}\n`;
  }

  /** COPY: the fastest way into a real PostgreSQL. */
  async #copy(lines: readonly string[]): Promise<void> {
    const names = this.#columns.map(([name]) => name).join(', ');
    await this.#database.copyIn(`COPY sync_staged (integration_id, run_id, seq, ${names}) FROM STDIN`, lines.join(''));
  }

  /** Arrays in one statement: what the embedded database takes too. */
  async #unnest(rows: readonly StagedRow[], first: number): Promise<void> {
    const names = this.#columns.map(([name]) => name).join(', ');
    const arrays = this.#columns.map(([, type], index) => `$${index + 4}::${type === 'text[]' ? 'text' : type}[]`);
    // An array of arrays must be rectangular: lists travel as their text.
    const selected = this.#columns.map(([name, type]) => (type === 'text[]' ? `${name}::text[]` : name));
    await this.#database.execute(
      `INSERT INTO sync_staged (integration_id, run_id, seq, ${names})
       SELECT $1::uuid, $2::uuid, seq, ${selected.join(', ')}
       FROM unnest($3::int[], ${arrays.join(', ')}) AS rows (seq, ${names})`,
      [
        ...this.#fixed,
        rows.map((_, index) => first + index),
        ...this.#columns.map(([, , pick]) => rows.map((row) => pick(row) ?? null)),
      ],
    );
  }
}

const HAS_SPECIAL = /[\\\t\n\r]/;
const SPECIAL = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A value in COPY's text form. */
function copyText(value: string | number | boolean | null | undefined): string | number | boolean {
  if (value === null || value === undefined) return '\\N';
  return typeof value === 'string' && HAS_SPECIAL.test(value)
    ? value.replace(SPECIAL, (character) => ESCAPES[character] as string)
    : value;
}
