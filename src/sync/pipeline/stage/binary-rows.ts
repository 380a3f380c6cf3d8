/** Types of columns that rows are written to. */
export type ColumnType = 'uuid' | 'int' | 'text' | 'text[]' | 'boolean' | 'jsonb' | 'date';

/**
 * What a cell holds: of a uuid its text or its 16 bytes, of a date YYYY-MM-DD, of a jsonb its text.
 */
export type Cell = string | number | boolean | Buffer | readonly string[] | null | undefined;

/** Signature, flags and the length of an extension, which is none. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** In the place of a number of fields. */
const END = Buffer.from([0xff, 0xff]);
const NULL = -1;
const JSONB_VERSION = 1;
const TEXT_OID = 25;
/** A character of a string takes up to three bytes: those beyond take two characters. */
const UTF8 = 3;
/** Most bytes of a cell beside its texts. */
const FIXED = 32;
const DAY = 86_400_000;
/** Dates are days since 2000-01-01. */
const FIRST_DAY = Date.UTC(2000, 0, 1) / DAY;

/**
 * Rows in COPY's binary form, in bytes that are used again: nothing is escaped here or parsed there, and no
 * string is left behind.
 */
export class BinaryRows {
  #bytes: Buffer;
  #length = 0;

  /** `size`: bytes to begin with; it grows with what does not fit. */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.clear();
  }

  /** How many bytes there are. */
  get length(): number {
    return this.#length;
  }

  /** Begins anew, in the same bytes. */
  clear(): void {
    this.#length = HEADER.copy(this.#bytes);
  }

  /** Begins a row of so many cells. */
  begin(cells: number): void {
    this.#reserve(2);
    this.#length = this.#bytes.writeInt16BE(cells, this.#length);
  }

  /** Adds cells as `bytesOfCells` made them. */
  addBytes(cells: Buffer): void {
    this.#reserve(cells.length);
    this.#bytes.set(cells, this.#length);
    this.#length += cells.length;
  }

  /** Adds a cell to the row that was begun. */
  add(type: ColumnType, value: Cell): void {
    this.#reserve(FIXED);
    if (value === null || value === undefined) this.#length = this.#bytes.writeInt32BE(NULL, this.#length);
    else if (type === 'text') this.#addText(value as string, 0);
    else if (type === 'jsonb') this.#addText(value as string, 1);
    else if (type === 'uuid') this.#addUuid(value as string | Buffer);
    else if (type === 'int') this.#addInt(value as number);
    else if (type === 'date') this.#addInt(daysTo(value as string));
    else if (type === 'boolean') this.#addBoolean(value as boolean);
    else this.#addTexts(value as readonly string[]);
  }

  /** All of them, with what ends a COPY. Good until rows are added or cleared. */
  whole(): Buffer {
    this.#reserve(END.length);
    END.copy(this.#bytes, this.#length);
    return this.#bytes.subarray(0, this.#length + END.length);
  }

  #addInt(value: number): void {
    this.#length = this.#bytes.writeInt32BE(4, this.#length);
    this.#length = this.#bytes.writeInt32BE(value, this.#length);
  }

  #addBoolean(value: boolean): void {
    this.#length = this.#bytes.writeInt32BE(1, this.#length);
    this.#length = this.#bytes.writeUInt8(value ? 1 : 0, this.#length);
  }

  #addUuid(value: string | Buffer): void {
    this.#length = this.#bytes.writeInt32BE(16, this.#length);
    if (typeof value === 'string') this.#bytes.write(value.replaceAll('-', ''), this.#length, 'hex');
    else this.#bytes.set(value, this.#length);
    this.#length += 16;
  }

  /** A text after so many bytes that say how a jsonb is stored. */
  #addText(text: string, prefix: 0 | 1): void {
    this.#reserve(FIXED + text.length * UTF8);
    const start = this.#length + 4;
    if (prefix) this.#bytes[start] = JSONB_VERSION;
    const length = prefix + this.#bytes.write(text, start + prefix);
    this.#bytes.writeInt32BE(length, this.#length);
    this.#length = start + length;
  }

  #addTexts(texts: readonly string[]): void {
    const start = this.#length;
    this.#length += 4;
    // Dimensions, whether any is null, the type of each, how many, and the index of the first.
    for (const word of texts.length > 0 ? [1, 0, TEXT_OID, texts.length, 1] : [0, 0, TEXT_OID])
      this.#length = this.#bytes.writeInt32BE(word, this.#length);
    for (const text of texts) this.#addText(text, 0);
    this.#bytes.writeInt32BE(this.#length - start - 4, start);
  }

  /** Makes room for so many bytes more. */
  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + size));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function daysTo(date: string): number {
  const days = Date.parse(date) / DAY - FIRST_DAY;
  if (!Number.isInteger(days)) throw new Error(`"${date}" is not a date as YYYY-MM-DD`);
  return days;
}

/** Cells that many rows have in common, to be added as they are. */
export function bytesOfCells(cells: readonly (readonly [ColumnType, Cell])[]): Buffer {
  const rows = new BinaryRows(1_024);
  for (const [type, value] of cells) rows.add(type, value);
  return Buffer.from(rows.whole().subarray(HEADER.length, rows.length));
}
