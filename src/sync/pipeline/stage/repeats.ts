const FIRST_SIZE = 1 << 10;
/** Two primes for the two halves of a hash. */
const [PRIME_A, PRIME_B] = [0x01000193, 0x85ebca6b];

/** Notices texts that came before, by 64 bits of each in a flat table: 22 bytes a text at most. */
export class Repeats {
  #slots = new Uint32Array(FIRST_SIZE * 2);
  #count = 0;
  readonly #suspects = new Set<string>();

  /** Takes a text. */
  note(text: string): void {
    let [a, b] = [0x811c9dc5, 0x9747b28c];
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, PRIME_A);
      b = Math.imul(b ^ code, PRIME_B) ^ (b >>> 13);
    }
    if (!this.#insert(a >>> 0, (b | 1) >>> 0)) this.#suspects.add(text);
  }

  /** Those that came twice, or, once in very many, look as if they had. */
  get suspects(): readonly string[] {
    return [...this.#suspects];
  }

  /** False when it is there. The second half is odd: an empty slot has zero there. */
  #insert(a: number, b: number): boolean {
    if ((this.#count + 1) * 8 > this.#slots.length * 3) this.#grow();
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
