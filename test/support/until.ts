import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 20;

/** Waits until it is so; throws when it is not within a minute. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`it never came to be so: ${isSo}`);
    await sleep(LOOK_MS);
  }
}
