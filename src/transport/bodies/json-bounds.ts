import { type BodyBounds, tooDeep, tooManyEntries } from './bounds.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Counts the depth and the entries of JSON piece by piece, before anything is made of it. It does not tell
 * whether the text is JSON; what parses it does.
 */
export class JsonBounds {
  #depth = 0;
  #entries = 0;
  #inText = false;
  #escaped = false;

  constructor(private readonly bounds: BodyBounds) {}

  /** Throws `invalid_argument` as soon as a bound is passed. */
  check(piece: Uint8Array): void {
    for (const byte of piece) {
      if (this.#inText) this.#readText(byte);
      else this.#read(byte);
    }
  }

  #readText(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inText = false;
  }

  #read(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#inText = true;
        return;
      case OPEN_LIST:
      case OPEN_OBJECT:
        this.#depth += 1;
        if (this.#depth > this.bounds.depth) throw tooDeep(this.bounds);
        this.#count();
        return;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        this.#depth -= 1;
        return;
      case COMMA:
        this.#count();
    }
  }

  /** Each object and list has one entry more than it has commas; an empty one is counted as one. */
  #count(): void {
    this.#entries += 1;
    if (this.#entries > this.bounds.entries) throw tooManyEntries(this.bounds);
  }
}
