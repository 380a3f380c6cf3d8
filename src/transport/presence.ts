import type { ServerResponse } from 'node:http';

/** Tells when a caller leaves before the answer is whole. */
export class Presence {
  #abort: AbortController | undefined;
  #hasLeft = false;

  constructor(response: ServerResponse) {
    response.once('close', () => {
      // Aborting makes an error with a stack, which takes longer than a small answer.
      if (response.writableFinished) return;
      this.#hasLeft = true;
      this.#abort?.abort();
    });
  }

  /** Is aborted then. It is made for who asks for it: most calls do not, and it takes longer than their message. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.#hasLeft) this.#abort.abort();
    }
    return this.#abort.signal;
  }
}
