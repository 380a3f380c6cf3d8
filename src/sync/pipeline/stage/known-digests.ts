import { setImmediate } from 'node:timers/promises';
import { DIGEST_BYTES } from './digest.js';

/** A slot: the words of a digest, and the line where it was seen. They lie side by side: to look at one is to have all. */
const SLOT = 5;
const LINE = 4;
/** Slots that are looked through before other work of the process gets its turn: a few milliseconds. */
const SLOTS_AT_ONCE = 20_000;

/** Stands for the digest of somebody who was edited since the last run began. */
export const FORGOTTEN = '00000000-0000-0000-0000-000000000000';

/** What is counted of the mappings of one integration and entity type. */
export interface MappingCounts {
  /** How many have a digest. */
  digested: number;
  /** How many are not missing. */
  mapped: number;
  /** How many have no digest. */
  undigested: number;
  /** How many are of somebody who was edited since a run began. */
  forgotten: number;
}

/**
 * The digests of the entities that are mapped already, in a flat open-addressing table: 20 bytes a slot, at
 * most three of four used. A row whose digest is in it has not changed and goes no further; it is marked as
 * seen with its line.
 */
export class KnownDigests {
  /** Lines are 0 for a digest that was not seen, -1 for one that was seen without a line. */
  readonly #slots: Int32Array;
  /** How many slots there are. */
  readonly #count: number;
  #inserted = 0;
  #seen = 0;
  /** The bytes that were looked at last, and how words are read from them. */
  #bytes: Buffer | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** An empty table; `loadKnownDigests` fills one. */
  constructor(
    /** How many digests there may be. */
    readonly size: number,
    /** Whether all digests there are were read: a row that is none of them is new or changed. */
    readonly isWhole: boolean,
    /** How many entities are mapped and not missing. */
    readonly mapped: number,
    /** How many mappings have no digest. */
    readonly undigested: number,
  ) {
    // No power of two: that would take up to twice the memory.
    this.#count = Math.ceil((size * 4) / 3) + 2;
    this.#slots = new Int32Array(this.#count * SLOT);
  }

  static none(): KnownDigests {
    return new KnownDigests(0, false, 0, 0);
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
    const at = this.#find(digests, offset);
    if (at < 0) return 'unknown';
    const before = this.#slots[at + LINE] as number;
    if (before !== 0) return before;
    this.#slots[at + LINE] = line ?? -1;
    this.#seen += 1;
    return 'first';
  }

  /** The line where the digest at an offset was seen; -1 without one, 0 when it was not seen. */
  lineOf(digests: Buffer, offset: number): number {
    const at = this.#find(digests, offset);
    return at < 0 ? 0 : (this.#slots[at + LINE] as number);
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
    const slots = this.#slots;
    let length = 0;
    for (let slot = 0; slot < this.#count; slot++) {
      if (slot % SLOTS_AT_ONCE === SLOTS_AT_ONCE - 1) await setImmediate();
      const at = slot * SLOT;
      if (slots[at + LINE] !== 0 || this.#isEmpty(at)) continue;
      for (let i = 0; i < LINE; i++) length = slice.writeInt32LE(slots[at + i] as number, length);
      if (length < slice.length) continue;
      yield slice;
      length = 0;
    }
    if (length > 0) yield slice.subarray(0, length);
  }

  /** Takes in the digest at an offset of a buffer. What stands for no digest is left out. */
  insert(digests: Buffer, offset: number): void {
    const view = this.#viewOf(digests);
    const [first, second] = [view.getInt32(offset, true), view.getInt32(offset + 4, true)];
    if (first === 0 && second === 0) return;
    const slots = this.#slots;
    let slot = this.#homeOf(first);
    while (!this.#isEmpty(slot * SLOT)) slot = this.#next(slot);
    const at = slot * SLOT;
    slots[at] = first;
    slots[at + 1] = second;
    slots[at + 2] = view.getInt32(offset + 8, true);
    slots[at + 3] = view.getInt32(offset + 12, true);
    this.#inserted += 1;
  }

  /** Where the slot of a digest begins; -1 when it is not there. */
  #find(digests: Buffer, offset: number): number {
    const view = this.#viewOf(digests);
    const slots = this.#slots;
    const first = view.getInt32(offset, true);
    for (let slot = this.#homeOf(first); ; slot = this.#next(slot)) {
      const at = slot * SLOT;
      if (
        slots[at] === first &&
        slots[at + 1] === view.getInt32(offset + 4, true) &&
        slots[at + 2] === view.getInt32(offset + 8, true) &&
        slots[at + 3] === view.getInt32(offset + 12, true)
      ) {
        return this.#isEmpty(at) ? -1 : at;
      }
      if (this.#isEmpty(at)) return -1;
    }
  }

  /** Where a digest is looked for first: its first word, which may be anything, in proportion to the slots. */
  #homeOf(first: number): number {
    return Math.floor(((first >>> 0) * this.#count) / 2 ** 32);
  }

  #next(slot: number): number {
    return slot + 1 === this.#count ? 0 : slot + 1;
  }

  #isEmpty(at: number): boolean {
    return this.#slots[at] === 0 && this.#slots[at + 1] === 0;
  }

  /** One for all digests of a buffer: making it costs as much as many of them. */
  #viewOf(bytes: Buffer): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }
}
