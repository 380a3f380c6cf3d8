import type { Database, Lease } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import type { ColumnType } from './binary-rows.js';
import { draftColumns } from './drafts.js';
import { type RowColumn, RowWriter } from './row-writer.js';
import type { StagedRow } from './stage-record.js';

/** Types of value columns that are no text. */
const VALUE_TYPES: Readonly<Record<string, ColumnType>> = { enrolled_on: 'date', birth_date: 'date' };

export interface StagedWriterOptions {
  database: Database;
  lease: Lease;
  run: SyncRun;
  spec: EntitySpec;
  /** Whether entities are written into the plan at once. */
  drafts: boolean;
}

/** Numbers the good rows of a run and writes them down. Call `flush` at the end. */
export class StagedWriter {
  readonly #staged: RowWriter<StagedRow>;
  /** Where entities go when nobody is known yet: at once into the plan. */
  readonly #drafts: RowWriter<StagedRow> | undefined;
  #lastSeq = 0;
  #hasDropped = false;

  constructor({ database, lease, run, spec, drafts }: StagedWriterOptions) {
    this.#staged = new RowWriter({
      database,
      lease,
      table: 'sync_staged',
      columns: stagedColumns(run, spec),
    });
    if (drafts)
      this.#drafts = new RowWriter({
        database,
        lease,
        table: 'sync_changes',
        columns: draftColumns(run, spec),
      });
  }

  /** The number of the row written last. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Whether a warning dropped a value of any row. */
  get hasDropped(): boolean {
    return this.#hasDropped;
  }

  /** Takes a row. Wait for the promise where there is one: a batch is full. */
  write(row: StagedRow): Promise<void> | undefined {
    this.#lastSeq += 1;
    row.seq = this.#lastSeq;
    if (row.dropped) this.#hasDropped = true;
    return (row.kind === 'ENTITY' && this.#drafts ? this.#drafts : this.#staged).write(row);
  }

  /** Writes what is left, and waits until all of it is there. */
  async flush(): Promise<void> {
    await this.#drafts?.flush();
    await this.#staged.flush();
  }

  /**
   * Waits until nothing is on its way any more, whatever came of it: only then may rows of the run be
   * deleted.
   */
  async settle(): Promise<void> {
    await this.#drafts?.settle();
    await this.#staged.settle();
  }
}

function stagedColumns(run: SyncRun, spec: EntitySpec): RowColumn<StagedRow>[] {
  return [
    ['integration_id', 'uuid', run.integrationId],
    ['run_id', 'uuid', run.id],
    ['seq', 'int', (row) => row.seq],
    ['kind', 'text', (row) => row.kind],
    ['file', 'text', (row) => row.file],
    ['line', 'int', (row) => row.line],
    ['external_id', 'text', (row) => row.externalId],
    ['digest', 'uuid', (row) => row.digest],
    ['dropped', 'text[]', (row) => row.dropped],
    ['active', 'boolean', (row) => row.active],
    ['metadata', 'jsonb', (row) => row.metadata],
    ['course_external_id', 'text', (row) => row.courseExternalId],
    ['person_external_id', 'text', (row) => row.personExternalId],
    ['role', 'text', (row) => row.role],
    ...spec.fields.map(
      ({ column }): RowColumn<StagedRow> => [
        column,
        VALUE_TYPES[column] ?? 'text',
        (row) => row.values[column],
      ],
    ),
  ];
}
