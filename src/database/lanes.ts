import { AsyncLocalStorage } from 'node:async_hooks';
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
  readonly #lanes = new Map<string, Turns>();
  readonly #background: Turns;

  /**
   * `width`: connections that one lane may use at once; `backgroundWidth`: those that all work in the
   * background may use.
   */
  constructor(
    private readonly width: number,
    backgroundWidth: number,
  ) {
    this.#background = new Turns(backgroundWidth);
  }

  /** How many wait for a turn. */
  get waiting(): number {
    let { waiting } = this.#background;
    for (const turns of this.#lanes.values()) waiting += turns.waiting;
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

  /**
   * A turn in the lane under way, to be given back; undefined where none is needed. It is there at once where one is
   * free: every query of a call takes one. Where none is, throws `aborted` when that takes too long.
   */
  take(): Turns | Promise<Turns> | undefined {
    const name = this.#current.getStore();
    if (name === undefined) return undefined;
    const turns = name === BACKGROUND ? this.#background : this.#lane(name);
    if (turns.takeFree()) return turns;
    return turns.wait(name === BACKGROUND ? undefined : PATIENCE);
  }

  #lane(name: string): Turns {
    const known = this.#lanes.get(name);
    if (known) return known;
    const lane = new Turns(this.width);
    this.#lanes.set(name, lane);
    return lane;
  }
}

/** Turns that a few have at once, and the others in the order in which they came. */
class Turns {
  #free: number;
  readonly #next = new Set<() => void>();

  constructor(width: number) {
    this.#free = width;
  }

  get waiting(): number {
    return this.#next.size;
  }

  /** Takes one that is free. */
  takeFree(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Waits for one that is given back; `patience`: in milliseconds. */
  wait(patience: number | undefined): Promise<this> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const mine = () => {
        clearTimeout(timer);
        resolve(this);
      };
      this.#next.add(mine);
      if (patience === undefined) return;
      timer = setTimeout(() => {
        this.#next.delete(mine);
        reject(busy());
      }, patience);
    });
  }

  giveBack(): void {
    const [next] = this.#next;
    if (!next) {
      this.#free += 1;
      return;
    }
    this.#next.delete(next);
    next();
  }
}
