import type { Database } from '../../database/index.js';
import type { EntitySpec } from '../entity-spec.js';
import type { SyncRun } from '../sync-run.js';

const WORDS = 4;

/**
 * The digests of the entities that are mapped already, in a flat open-addressing table: 20 bytes a slot, at most half of
 * them used. A row whose digest is in it has not changed and goes no further; it is marked as seen with its line.
 */
export class KnownDigests {
  readonly #words: Uint32Array;
  /** Line of the row that was seen; 0: not seen; -1: seen, without a line. */
  readonly #lines: Int32Array;
  readonly #mask: number;
  #seen = 0;

  private constructor(digests: Buffer) {
    const count = digests.length / (WORDS * 4);
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)));
    this.#words = new Uint32Array(slots * WORDS);
    this.#lines = new Int32Array(slots);
    this.#mask = slots - 1;
    for (let i = 0; i < count; i++) this.#insert(digests, i * WORDS * 4);
  }

  /** Those of the run's integration and entity type. None where an unchanged row may still change by what it refers to. */
  static async load(database: Database, run: SyncRun, spec: EntitySpec): Promise<KnownDigests> {
    if (spec.table === 'groups') return new KnownDigests(Buffer.alloc(0));
    const [row] = await database.query<{ digests: Buffer | null }>(
      `SELECT string_agg(uuid_send(m.digest), ''::bytea) AS digests FROM integration_mappings m
       JOIN ${spec.table} t ON t.institution_id = $3 AND t.id = m.internal_id
       WHERE m.integration_id = $1 AND m.entity_type = $2 AND m.digest IS NOT NULL`,
      [run.integrationId, run.entityType, run.institutionId],
    );
    return new KnownDigests(row?.digests ?? Buffer.alloc(0));
  }

  /** How many of them the source still has, unchanged. */
  get seen(): number {
    return this.#seen;
  }

  /**
   * Marks a row's digest (32 hex digits) as seen. 'unknown': the row is new or changed. A number: the line where it was
   * seen before, -1 without one.
   */
  see(digest: string, line: number | null): 'unknown' | 'first' | number {
    const slot = this.#find(digest);
    if (slot < 0) return 'unknown';
    const before = this.#lines[slot] as number;
    if (before !== 0) return before;
    this.#lines[slot] = line ?? -1;
    this.#seen += 1;
    return 'first';
  }

  /** The line where a digest was seen; -1 without one, 0 when it was not seen. */
  lineOf(digest: string): number {
    const slot = this.#find(digest);
    return slot < 0 ? 0 : (this.#lines[slot] as number);
  }

  #insert(digests: Buffer, offset: number): void {
    let slot = digests.readUInt32BE(offset) & this.#mask;
    while (!this.#isEmpty(slot)) slot = (slot + 1) & this.#mask;
    for (let i = 0; i < WORDS; i++) this.#words[slot * WORDS + i] = digests.readUInt32BE(offset + i * 4);
  }

  #find(digest: string): number {
    const a = Number.parseInt(digest.slice(0, 8), 16);
    const b = Number.parseInt(digest.slice(8, 16), 16);
    const c = Number.parseInt(digest.slice(16, 24), 16);
    const d = Number.parseInt(digest.slice(24, 32), 16);
    for (let slot = a & this.#mask; !this.#isEmpty(slot); slot = (slot + 1) & this.#mask) {
      const at = slot * WORDS;
      const words = this.#words;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
    }
    return -1;
  }

  #isEmpty(slot: number): boolean {
    const at = slot * WORDS;
    return (this.#words[at] as number) === 0 && (this.#words[at + 1] as number) === 0;
  }
}
