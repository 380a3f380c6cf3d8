import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 20;

/** Waits until it is so; throws when it is not within a minute. `told`: what is the case instead. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  told: () => string = () => String(isSo),
): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`it never came to be so: ${told()}`);
    await sleep(LOOK_MS);
  }
}
