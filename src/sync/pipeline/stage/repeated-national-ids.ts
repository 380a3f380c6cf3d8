import type { RecordIssue } from '../../../connectors/index.js';
import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { isIdentifying, quoted } from '../../../values/index.js';
import type { IssueLog } from '../../issues/index.js';
import type { SyncRun } from '../../runs/sync-run.js';

const FIRST_SIZE = 1 << 10;
/** Two primes for the two halves of a hash. */
const [PRIME_A, PRIME_B] = [0x01000193, 0x85ebca6b];

/** Notices national ids that came before, by 64 bits of each in a flat table: 16 bytes an id at most. */
export class RepeatedNationalIds {
  #slots = new Uint32Array(FIRST_SIZE * 2);
  #count = 0;
  readonly #suspects = new Set<string>();

  /** Takes the national id of one row. */
  note(nationalId: string | null | undefined): void {
    if (!nationalId) return;
    let [a, b] = [0x811c9dc5, 0x9747b28c];
    for (let i = 0; i < nationalId.length; i++) {
      const code = nationalId.charCodeAt(i);
      a = Math.imul(a ^ code, PRIME_A);
      b = Math.imul(b ^ code, PRIME_B) ^ (b >>> 13);
    }
    if (!this.#insert(a >>> 0, (b | 1) >>> 0) && isIdentifying(nationalId)) this.#suspects.add(nationalId);
  }

  /** Those that came twice, or, once in very many, look as if they had. */
  get suspects(): readonly string[] {
    return [...this.#suspects];
  }

  /** False when it is there. The second half is odd: an empty slot has zero there. */
  #insert(a: number, b: number): boolean {
    if ((this.#count + 1) * 4 > this.#slots.length) this.#grow();
    const mask = this.#slots.length / 2 - 1;
    for (let slot = (a ^ b) & mask; ; slot = (slot + 1) & mask) {
      if (this.#slots[slot * 2 + 1] === 0) {
        this.#slots[slot * 2] = a;
        this.#slots[slot * 2 + 1] = b;
        this.#count += 1;
        return true;
      }
      if (this.#slots[slot * 2] === a && this.#slots[slot * 2 + 1] === b) return false;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#count = 0;
    for (let at = 0; at < old.length; at += 2)
      if (old[at + 1] !== 0) this.#insert(old[at] as number, old[at + 1] as number);
  }
}

/**
 * Warns of each good row whose national id another row of the same reading has, naming both lines. Such rows
 * go without their digest, so that the next sync says it again. `drafted`: the rows are in the plan already.
 */
export async function warnOfRepeatedNationalIds(options: {
  database: Database;
  run: SyncRun;
  spec: EntitySpec;
  issues: IssueLog;
  file: string | undefined;
  drafted: boolean;
  suspects: readonly string[];
}): Promise<void> {
  const { database, run, spec, issues, file, drafted, suspects } = options;
  if (suspects.length === 0) return;
  const table = drafted ? 'sync_changes' : 'sync_staged';
  const nationalId = drafted ? `s.after->>'nationalId'` : 's.national_id';
  const isEntity = `s.integration_id = $1 AND s.run_id = $2 AND ${drafted ? `s.entity <> 'MEMBERSHIP'` : `s.kind = 'ENTITY'`}`;
  const rows = await database.query<{
    line: number | null;
    externalId: string;
    nationalId: string;
    firstLine: number | null;
    firstId: string;
  }>(
    `WITH same AS MATERIALIZED (
       SELECT s.seq, s.line, s.external_id, ${nationalId} AS national_id, count(*) OVER of_id AS times,
         row_number() OVER (of_id ORDER BY s.seq) AS place, first_value(s.line) OVER (of_id ORDER BY s.seq) AS first_line,
         first_value(s.external_id) OVER (of_id ORDER BY s.seq) AS first_id
       FROM ${table} s WHERE ${isEntity} AND ${nationalId} = ANY($3::text[]) WINDOW of_id AS (PARTITION BY ${nationalId})
     ), undigested AS (
       UPDATE ${table} s SET digest = NULL FROM same WHERE ${isEntity} AND s.seq = same.seq AND same.times > 1)
     SELECT line, external_id AS "externalId", national_id AS "nationalId", first_line AS "firstLine", first_id AS "firstId"
     FROM same WHERE place > 1 ORDER BY seq`,
    [run.integrationId, run.id, suspects],
  );
  for (const { firstLine: ownerLine, firstId: ownerId, ...row } of rows) {
    await issues.add(repeatedNationalId(spec, { file, ...row, ownerId, ownerLine }));
  }
}

/** The warning for a row with the national id of another row. */
export function repeatedNationalId(
  { noun }: EntitySpec,
  row: {
    file: string | undefined;
    line: number | null;
    externalId: string;
    nationalId: string;
    ownerId: string;
    ownerLine: number | null;
  },
): RecordIssue {
  const { file, line, externalId, nationalId, ownerId, ownerLine } = row;
  const where = ownerLine === null ? '' : ` on line ${ownerLine}`;
  return {
    severity: 'warning',
    rule: 'national_id.duplicate',
    problem: `${noun} ${quoted(externalId)} has the national id ${quoted(nationalId)} of ${noun} ${quoted(ownerId)}${where}`,
    file,
    line: line ?? undefined,
    value: nationalId,
    hint: 'If the two are one person, remove one of the two rows; else correct the national id.',
    externalId,
  };
}
