import { setTimeout as sleep } from 'node:timers/promises';

export interface CachedReadingOptions<T> {
  read: () => Promise<T>;
  /** How long a value is good, in milliseconds. */
  freshMs: number;
  /** How long somebody waits for a new one, in milliseconds; then the one before is the answer. */
  patienceMs: number;
  /** How old the one before may be, in milliseconds. */
  staleMs: number;
}

/** A reading of slow things is repeated so much later that it takes this share of the time at most. */
const SHARE = 0.01;

/**
 * A value that is read now and then, one reading at a time, and never throws: undefined where there is none.
 * What takes long is read more seldom.
 */
export class CachedReading<T> {
  readonly #options: CachedReadingOptions<T>;
  #value: T | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #nextAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #isUp = true;

  constructor(options: CachedReadingOptions<T>) {
    this.#options = options;
  }

  /** Whether the last reading went well, within the patience. */
  get isUp(): boolean {
    return this.#isUp;
  }

  async get(): Promise<T | undefined> {
    const { patienceMs, staleMs } = this.#options;
    if (performance.now() >= this.#nextAt) {
      this.#reading ??= this.#read();
      const late = new AbortController();
      const options = { signal: late.signal, ref: false };
      const patience = sleep(patienceMs, undefined, options).then(
        () => {
          this.#isUp = false;
        },
        () => {},
      );
      await Promise.race([this.#reading, patience]);
      late.abort();
    }
    return performance.now() - this.#readAt <= staleMs ? this.#value : undefined;
  }

  async #read(): Promise<void> {
    const start = performance.now();
    try {
      this.#value = await this.#options.read();
      this.#readAt = performance.now();
      this.#isUp = true;
    } catch {
      // Whoever looks at the metrics sees that it is not up; the log has the causes elsewhere.
      this.#isUp = false;
    }
    const took = performance.now() - start;
    this.#nextAt = performance.now() + Math.max(this.#options.freshMs, took / SHARE);
    this.#reading = undefined;
  }
}
