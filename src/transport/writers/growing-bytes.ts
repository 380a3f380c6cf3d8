const SMALLEST = 64 * 1024;
const ENVELOPE = 5;
/** Kept between messages; more is given back to the collector. */
const LARGEST_KEPT = 1024 * 1024;
/** Texts up to so many characters are copied letter by letter: calls out of JavaScript cost more. */
const SHORT_TEXT = 48;

/** Bytes of protobuf's binary form, written one after the other into memory that is used again. */
export class GrowingBytes {
  #bytes = Buffer.allocUnsafeSlow(SMALLEST);
  #end = 0;

  /** What `write` writes, in memory of its own. */
  collect(write: (bytes: this) => void): Buffer {
    this.#end = 0;
    write(this);
    const whole = Buffer.from(this.#bytes.subarray(0, this.#end));
    if (this.#bytes.length > LARGEST_KEPT) this.#bytes = Buffer.allocUnsafeSlow(SMALLEST);
    return whole;
  }

  byte(value: number): void {
    this.#make(1);
    this.#bytes[this.#end++] = value;
  }

  raw(bytes: Uint8Array): void {
    this.#make(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#make(8);
    this.#end = this.#put(value, this.#end);
  }

  /** A whole number of 64 bits, signed or not. */
  varint64(value: bigint): void {
    if (value >= 0n && value <= Number.MAX_SAFE_INTEGER) {
      this.varint(Number(value));
      return;
    }
    this.#make(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#end++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#end++] = Number(rest);
  }

  fixed32(value: number): void {
    this.#make(4);
    this.#end = this.#bytes.writeInt32LE(value | 0, this.#end);
  }

  fixed64(value: bigint): void {
    this.#make(8);
    this.#end = this.#bytes.writeBigInt64LE(BigInt.asIntN(64, value), this.#end);
  }

  float(value: number): void {
    this.#make(4);
    this.#end = this.#bytes.writeFloatLE(value, this.#end);
  }

  double(value: number): void {
    this.#make(8);
    this.#end = this.#bytes.writeDoubleLE(value, this.#end);
  }

  /** A text in UTF-8, after its length. A half of a character becomes U+FFFD. */
  text(text: string): void {
    if (typeof text !== 'string') throw new TypeError(`cannot write ${typeof text} as a text`);
    if (text.length <= SHORT_TEXT && this.#ascii(text)) return;
    const length = Buffer.byteLength(text);
    this.varint(length);
    this.#make(length);
    this.#end += this.#bytes.write(text, this.#end);
  }

  /** What `write` writes, after its length. */
  nested<T>(write: (value: T) => void, value: T): void {
    this.#make(1);
    // Most fit into 127 bytes, of which the length is one byte.
    const start = ++this.#end;
    write(value);
    const length = this.#end - start;
    if (length <= 0x7f) {
      this.#bytes[start - 1] = length;
      return;
    }
    const more = sizeOf(length) - 1;
    this.#make(more);
    this.#bytes.copyWithin(start + more, start, this.#end);
    this.#put(length, start - 1);
    this.#end += more;
  }

  /** What `write` writes in the envelope of a stream: a byte of flags, and the length in four. */
  enveloped<T>(write: (value: T) => void, value: T): void {
    this.#make(ENVELOPE);
    const start = this.#end;
    this.#end += ENVELOPE;
    write(value);
    this.#bytes[start] = 0;
    this.#bytes.writeUInt32BE(this.#end - start - ENVELOPE, start + 1);
  }

  #ascii(text: string): boolean {
    const { length } = text;
    this.#make(length + 1);
    const bytes = this.#bytes;
    let at = this.#end;
    bytes[at++] = length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[at++] = code;
    }
    this.#end = at;
    return true;
  }

  #put(value: number, at: number): number {
    let rest = value;
    let end = at;
    while (rest > 0x7fff_ffff) {
      this.#bytes[end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest > 0x7f) {
      this.#bytes[end++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[end++] = rest;
    return end;
  }

  #make(room: number): void {
    const needed = this.#end + room;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

function sizeOf(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}
