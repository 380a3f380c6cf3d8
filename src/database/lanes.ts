import { AsyncLocalStorage } from 'node:async_hooks';
import pLimit, { type LimitFunction } from 'p-limit';
import { busy } from './trouble.js';

const BACKGROUND = Symbol('background');
/** How long a query waits for its turn, in milliseconds. */
const PATIENCE = 5_000;

/**
 * Shares the connections among kinds of work: each lane uses a few at once, so that one kind whose queries
 * hang (behind a lock, say) leaves the others theirs. What runs in no lane is not limited.
 */
export class Lanes {
  readonly #current = new AsyncLocalStorage<string | typeof BACKGROUND>();
  readonly #lanes = new Map<string, LimitFunction>();
  readonly #background: LimitFunction;

  /**
   * `width`: connections that one lane may use at once; `backgroundWidth`: those that all work in the
   * background may use.
   */
  constructor(
    private readonly width: number,
    backgroundWidth: number,
  ) {
    this.#background = pLimit(backgroundWidth);
  }

  /** How many wait for a turn. */
  get waiting(): number {
    let waiting = this.#background.pendingCount;
    for (const { pendingCount } of this.#lanes.values()) waiting += pendingCount;
    return waiting;
  }

  /** Runs `work` in a lane. */
  run<T>(lane: string, work: () => T): T {
    return this.#current.run(lane, work);
  }

  /** Runs `work` whose queries wait for their turn as long as it takes. */
  runInBackground<T>(work: () => T): T {
    return this.#current.run(BACKGROUND, work);
  }

  /** Waits for a turn in the lane under way, and does `use`. Throws `aborted` when that takes too long. */
  async take<T>(use: () => Promise<T>): Promise<T> {
    const name = this.#current.getStore();
    if (name === undefined) return use();
    if (name === BACKGROUND) return this.#background(use);
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = pLimit(this.width);
      this.#lanes.set(name, lane);
    }
    if (lane.activeCount < this.width) return lane(use);
    return this.#queue(lane, use);
  }

  #queue<T>(lane: LimitFunction, use: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(busy());
      }, PATIENCE);
      lane(async () => {
        clearTimeout(timer);
        if (!isLate) resolve(await use());
      }).catch(reject);
    });
  }
}
