import type { Database } from '../../database/index.js';
import type { StagedRow } from './stage-record.js';

/** Rows a statement. */
const BATCH = 5_000;

/** Text columns of sync_staged that hold values, with their types. */
const VALUE_COLUMNS: Readonly<Record<string, 'text' | 'date'>> = {
  national_id: 'text',
  given_name: 'text',
  family_name: 'text',
  email: 'text',
  code: 'text',
  name: 'text',
  grade: 'text',
  academic_term: 'text',
  description: 'text',
  enrolled_on: 'date',
  birth_date: 'date',
};

/** Writes rows to sync_staged in batches. Call `flush` at the end. */
export class StagedWriter {
  #batch: StagedRow[] = [];
  #next = 1;
  readonly #columns: readonly string[];

  /** `columns`: the value columns that the rows of this run may fill. */
  constructor(
    private readonly database: Database,
    private readonly integrationId: string,
    private readonly runId: string,
    columns: readonly string[],
  ) {
    this.#columns = columns;
  }

  async write(row: StagedRow): Promise<void> {
    if (this.#batch.push(row) >= BATCH) await this.flush();
  }

  async flush(): Promise<void> {
    const rows = this.#batch;
    if (rows.length === 0) return;
    this.#batch = [];
    const first = this.#next;
    this.#next += rows.length;
    const arrays: [name: string, type: string, values: unknown[]][] = [
      ['kind', 'text', rows.map((row) => row.kind)],
      ['seq', 'int', rows.map((_, index) => first + index)],
      ['file', 'text', rows.map((row) => row.file)],
      ['line', 'int', rows.map((row) => row.line)],
      ['external_id', 'text', rows.map((row) => row.externalId)],
      ['digest', 'uuid', rows.map((row) => row.digest)],
      // An array of arrays must be rectangular: the names travel as one text.
      ['dropped', 'text', rows.map((row) => row.dropped?.join() ?? null)],
      ['active', 'boolean', rows.map((row) => row.active)],
      ['metadata', 'jsonb', rows.map((row) => row.metadata)],
      ['course_external_id', 'text', rows.map((row) => row.courseExternalId)],
      ['person_external_id', 'text', rows.map((row) => row.personExternalId)],
      ['role', 'text', rows.map((row) => row.role)],
      ...this.#columns.map((column): [string, string, unknown[]] => [
        column,
        VALUE_COLUMNS[column] ?? 'text',
        rows.map((row) => row.values[column] ?? null),
      ]),
    ];
    const names = arrays.map(([name]) => name);
    const source = arrays.map(([, type], index) => `$${index + 3}::${type}[]`);
    const selected = names.map((name) => (name === 'dropped' ? "string_to_array(dropped, ',')" : name));
    await this.database.execute(
      `INSERT INTO sync_staged (integration_id, run_id, ${names.join(', ')})
       SELECT $1::uuid, $2::uuid, ${selected.join(', ')} FROM unnest(${source.join(', ')}) AS rows (${names.join(', ')})`,
      [this.integrationId, this.runId, ...arrays.map(([, , values]) => values)],
    );
  }
}
