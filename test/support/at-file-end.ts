const closing: (() => Promise<unknown>)[] = [];
/** Longer than a service needs that has nothing under way, in milliseconds. */
const PATIENCE_MS = 10_000;

/**
 * Does this when the tests of a file have run, the latest first: what a file started works on beside the files after
 * it, which wait for the same processor and the same connections. What fails, or was closed by its test, is left.
 */
export function atFileEnd(close: () => Promise<unknown>): void {
  closing.unshift(close);
}

/** mocha gives it to each file, where it runs several side by side; else to all of them together. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    for (const close of closing.splice(0)) {
      let timer: NodeJS.Timeout | undefined;
      const enough = new Promise((resolve) => {
        timer = setTimeout(resolve, PATIENCE_MS);
      });
      await Promise.race([close().catch(() => undefined), enough]);
      clearTimeout(timer);
    }
  },
};
