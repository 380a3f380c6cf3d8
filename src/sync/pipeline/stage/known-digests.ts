import { setImmediate } from 'node:timers/promises';
import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { DIGEST_BYTES } from './digest.js';

const WORDS = 4;
/** So many digests may come in one row: the database has its bytes in memory some times over. */
const ONE_ROW = 2_000_000;
/** Slots that are looked through before other work of the process gets its turn: a few milliseconds. */
const SLOTS_AT_ONCE = 20_000;

/** Stands for the digest of somebody who was edited since the last run began. */
export const FORGOTTEN = '00000000-0000-0000-0000-000000000000';

/**
 * The digests of the entities that are mapped already, in a flat open-addressing table: 20 bytes a slot, at
 * most half of them used. A row whose digest is in it has not changed and goes no further; it is marked as
 * seen with its line.
 */
export class KnownDigests {
  readonly #words: Uint32Array;
  /** Line of the row that was seen; 0: not seen; -1: seen, without a line. */
  readonly #lines: Int32Array;
  readonly #mask: number;
  #inserted = 0;
  #seen = 0;

  /** An empty table; `load` fills one. */
  constructor(
    /** How many digests there may be. */
    count: number,
    /** Whether all digests there are were read: a row that is none of them is new or changed. */
    readonly isWhole: boolean,
    /** How many entities are mapped and not missing. */
    readonly mapped: number,
    /** How many mappings have no digest. */
    readonly undigested: number,
    /** How many mappings are of somebody who was edited since a run began. */
    readonly forgotten = 0,
  ) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)));
    this.#words = new Uint32Array(slots * WORDS);
    this.#lines = new Int32Array(slots);
    this.#mask = slots - 1;
  }

  static none(): KnownDigests {
    return new KnownDigests(0, false, 0, 0);
  }

  /**
   * Those of the run's integration and entity type. None where an unchanged row may still change by what it
   * refers to.
   */
  static async load(database: Database, run: SyncRun, spec: EntitySpec): Promise<KnownDigests> {
    const known = await KnownDigests.#read(database, run, spec);
    if (known.forgotten === 0) return known;
    // Marks of the time before this run have done their work. Those that come from now on outlast it.
    await database.execute(
      'UPDATE integration_mappings SET digest = NULL WHERE integration_id = $1 AND entity_type = $2 AND digest = $3',
      [run.integrationId, spec.entityType, FORGOTTEN],
    );
    return KnownDigests.#read(database, run, spec);
  }

  static async #read(database: Database, run: SyncRun, spec: EntitySpec): Promise<KnownDigests> {
    const isWhole = spec.table !== 'groups';
    return database.transaction(async () => {
      // What is counted must be what is then read.
      await database.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      const [row] = await database.query<{
        digested: number;
        mapped: number;
        undigested: number;
        forgotten: number;
      }>(
        `SELECT count(digest)::int AS digested, (count(*) FILTER (WHERE missing_runs = 0))::int AS mapped,
           (count(*) FILTER (WHERE digest IS NULL))::int AS undigested,
             (count(*) FILTER (WHERE digest = $3))::int AS forgotten
         FROM integration_mappings WHERE integration_id = $1 AND entity_type = $2`,
        [run.integrationId, spec.entityType, FORGOTTEN],
      );
      const { digested = 0, mapped = 0, undigested = 0, forgotten = 0 } = row ?? {};
      const known = new KnownDigests(isWhole ? digested : 0, isWhole, mapped, undigested, forgotten);
      if (!isWhole || digested === 0) return known;
      // COPY takes no parameters: the ids are UUIDs that the database itself gave us.
      await database.copyOut(
        // A row each would cost a message each; in one row all but the largest schools fit, which spares to
        // group them.
        `COPY (SELECT string_agg(uuid_send(digest), ''::bytea) FROM integration_mappings
           WHERE integration_id = '${run.integrationId}' AND entity_type = '${spec.entityType}' AND digest IS NOT NULL
           ${digested > ONE_ROW ? 'GROUP BY get_byte(uuid_send(digest), 1)' : ''})
         TO STDOUT (FORMAT binary)`,
        readDigests((digest, offset) => known.insert(digest, offset)),
      );
      return known;
    });
  }

  /** How many of them the source still has, unchanged. */
  get seen(): number {
    return this.#seen;
  }

  /**
   * Marks the digest at an offset of a buffer as seen. 'unknown': the row is new or changed. A number: the
   * line where it was seen before, -1 without one.
   */
  see(digests: Buffer, offset: number, line: number | null): 'unknown' | 'first' | number {
    const slot = this.#find(digests, offset);
    if (slot < 0) return 'unknown';
    const before = this.#lines[slot] as number;
    if (before !== 0) return before;
    this.#lines[slot] = line ?? -1;
    this.#seen += 1;
    return 'first';
  }

  /** The line where the digest at an offset was seen; -1 without one, 0 when it was not seen. */
  lineOf(digests: Buffer, offset: number): number {
    const slot = this.#find(digests, offset);
    return slot < 0 ? 0 : (this.#lines[slot] as number);
  }

  /** How many of them were not seen. */
  get unseenCount(): number {
    return this.#inserted - this.#seen;
  }

  /**
   * Those that were not seen, 16 bytes each, at most `size` at a time. The bytes hold until the next are
   * asked for. Other work of the process gets its turn in between.
   */
  async *unseen(size: number): AsyncGenerator<Buffer> {
    const slice = Buffer.allocUnsafe(size * DIGEST_BYTES);
    let length = 0;
    for (let slot = 0; slot < this.#lines.length; slot++) {
      if (slot % SLOTS_AT_ONCE === SLOTS_AT_ONCE - 1) await setImmediate();
      if (this.#lines[slot] !== 0 || this.#isEmpty(slot)) continue;
      for (let i = 0; i < WORDS; i++)
        length = slice.writeUInt32BE(this.#words[slot * WORDS + i] as number, length);
      if (length < slice.length) continue;
      yield slice;
      length = 0;
    }
    if (length > 0) yield slice.subarray(0, length);
  }

  /** Takes in the digest at an offset of a buffer. What stands for no digest is left out. */
  insert(digests: Buffer, offset: number): void {
    if (digests.readUInt32BE(offset) === 0 && digests.readUInt32BE(offset + 4) === 0) return;
    let slot = digests.readUInt32BE(offset) & this.#mask;
    while (!this.#isEmpty(slot)) slot = (slot + 1) & this.#mask;
    for (let i = 0; i < WORDS; i++) this.#words[slot * WORDS + i] = digests.readUInt32BE(offset + i * 4);
    this.#inserted += 1;
  }

  #find(digests: Buffer, offset: number): number {
    const words = this.#words;
    const a = digests.readUInt32BE(offset);
    for (let slot = a & this.#mask; !this.#isEmpty(slot); slot = (slot + 1) & this.#mask) {
      const at = slot * WORDS;
      if (
        words[at] === a &&
        words[at + 1] === digests.readUInt32BE(offset + 4) &&
        words[at + 2] === digests.readUInt32BE(offset + 8) &&
        words[at + 3] === digests.readUInt32BE(offset + 12)
      ) {
        return slot;
      }
    }
    return -1;
  }

  #isEmpty(slot: number): boolean {
    const at = slot * WORDS;
    return (this.#words[at] as number) === 0 && (this.#words[at + 1] as number) === 0;
  }
}

/** Signature, flags, and the length of an extension that PostgreSQL does not make. */
const COPY_HEADER = 19;
/** Before the bytes of a row: how many fields (or the end), and how many bytes. */
const COPY_ROW = 2 + 4;

/**
 * Takes the pieces of a binary COPY of one column of digests, many in a row, and hands out each as an offset
 * in a buffer.
 */
function readDigests(found: (bytes: Buffer, offset: number) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let skip = COPY_HEADER;
  /** Bytes of the row that are still to come. */
  let ofRow = 0;
  return (piece) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
    let at = Math.min(skip, bytes.length);
    skip -= at;
    for (;;) {
      for (; ofRow > 0 && at + DIGEST_BYTES <= bytes.length; at += DIGEST_BYTES, ofRow -= DIGEST_BYTES)
        found(bytes, at);
      if (ofRow > 0 || at + COPY_ROW > bytes.length) break;
      ofRow = bytes.readInt32BE(at + 2);
      at += COPY_ROW;
    }
    rest = Buffer.from(bytes.subarray(at));
  };
}
