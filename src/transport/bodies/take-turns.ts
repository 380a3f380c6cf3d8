import { setImmediate } from 'node:timers/promises';

/** Lets others have their turn between two steps of the work on a body. */
export async function takeTurns(): Promise<void> {
  await setImmediate();
}
