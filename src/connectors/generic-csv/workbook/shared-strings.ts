import { damaged, noList, type Parts } from './parts.js';
import { readXml } from './xml.js';

/** All texts together; a hundred thousand people with ten different texts each have about half of it. */
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_STRINGS = 4_000_000;

/**
 * The texts that cells share. They are kept as bytes one after the other: as strings they would take several
 * times as much, and hold on to the document that they were cut out of.
 */
export class SharedStrings {
  readonly #file: string;
  #bytes = Buffer.alloc(64 * 1024);
  #used = 0;
  /** Where each text ends. */
  #ends = new Uint32Array(1_024);
  #count = 0;

  private constructor(file: string) {
    this.#file = file;
  }

  /** Of a workbook without such a part there are none. */
  static async read(parts: Parts, name: string | undefined): Promise<SharedStrings> {
    const strings = new SharedStrings(parts.file);
    if (name === undefined || !parts.has(name)) return strings;
    const text = new TextOfCell(parts.file);
    await readXml(parts, name, {
      open: (tag) => text.open(tag),
      close: (tag) => {
        text.close(tag);
        if (tag === 'si') strings.#add(text.take());
      },
      text: (piece) => text.add(piece),
    });
    return strings;
  }

  get(index: number): string {
    const end = index >= 0 && index < this.#count ? this.#ends[index] : undefined;
    if (end === undefined)
      throw damaged(this.#file, new Error(`a cell refers to the text ${index}, which is not there`));
    return this.#bytes.toString('utf8', index === 0 ? 0 : this.#ends[index - 1], end);
  }

  #add(text: string): void {
    const length = Buffer.byteLength(text);
    if (this.#used + length > MOST_BYTES || this.#count >= MOST_STRINGS)
      throw noList(this.#file, `its texts are more than ${MOST_BYTES / 1024 / 1024} MiB`);
    if (this.#used + length > this.#bytes.length) {
      const larger = Buffer.alloc(
        Math.min(MOST_BYTES, Math.max(this.#bytes.length * 2, this.#used + length)),
      );
      this.#bytes.copy(larger, 0, 0, this.#used);
      this.#bytes = larger;
    }
    if (this.#count === this.#ends.length) {
      const larger = new Uint32Array(this.#ends.length * 2);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    this.#used += this.#bytes.write(text, this.#used);
    this.#ends[this.#count] = this.#used;
    this.#count += 1;
  }
}

/** A cell of Excel holds no more; a list that is not made to exhaust somebody stays far below. */
const MOST_CHARACTERS = 32_767;

export function requireShort(file: string, text: string): void {
  if (text.length > MOST_CHARACTERS)
    throw noList(file, `it has a text of more than ${MOST_CHARACTERS.toLocaleString('en')} characters`);
}

/** Puts together the text of a cell from its runs, without what only says how to pronounce it. */
export class TextOfCell {
  readonly #file: string;
  #pieces = '';
  #inText = false;
  #phonetic = false;

  constructor(file: string) {
    this.#file = file;
  }

  open(tag: string): void {
    if (tag === 't') this.#inText = true;
    else if (tag === 'rPh') this.#phonetic = true;
  }

  close(tag: string): void {
    if (tag === 't') this.#inText = false;
    else if (tag === 'rPh') this.#phonetic = false;
  }

  add(piece: string): void {
    if (!this.#inText || this.#phonetic) return;
    this.#pieces += piece;
    requireShort(this.#file, this.#pieces);
  }

  take(): string {
    const text = this.#pieces;
    this.#pieces = '';
    return text;
  }
}
