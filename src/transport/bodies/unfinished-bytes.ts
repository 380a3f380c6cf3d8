import { ServiceError } from '../../errors.js';

/** Bytes of requests that are not whole yet: those of one request. */
export interface HeldBytes {
  /**
   * A piece of so many bytes is kept. Throws `resource_exhausted` when the connection, or all of them, hold too
   * much.
   */
  add(bytes: number): void;
  /** The bytes are used up, or dropped. */
  release(): void;
}

/** What a piece takes beside its bytes: a body can come one byte at a time. */
const BYTES_OF_A_PIECE = 256;

/** Bounds what unfinished requests hold in memory: of one connection, and of all. */
export class UnfinishedBytes {
  #all = 0;
  readonly #ofConnection = new WeakMap<object, number>();

  constructor(private readonly most: { perConnection: number; inAll: number }) {}

  hold(connection: object): HeldBytes {
    let mine = 0;
    const change = (bytes: number) => {
      mine += bytes;
      this.#all += bytes;
      this.#ofConnection.set(connection, (this.#ofConnection.get(connection) ?? 0) + bytes);
    };
    return {
      add: (bytes) => {
        change(bytes + BYTES_OF_A_PIECE);
        const isOver =
          (this.#ofConnection.get(connection) ?? 0) > this.most.perConnection || this.#all > this.most.inAll;
        if (isOver) throw tooMuchUnfinished();
      },
      release: () => change(-mine),
    };
  }
}

function tooMuchUnfinished(): ServiceError {
  return new ServiceError(
    'resource_exhausted',
    'Too many bodies are unfinished at once. Finish some, then send the others.',
    { reason: 'TOO_MANY_UNFINISHED_BODIES', metadata: { retryAfterSeconds: '1' } },
  );
}
