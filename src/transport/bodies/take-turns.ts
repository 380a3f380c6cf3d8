import { setImmediate } from 'node:timers/promises';

/** A body of so many bytes is no work that others would notice. */
const SMALL = 16 * 1024;

/** Lets others have their turn between two steps of the work on a body; undefined where that is not needed. */
export function takeTurnsAfter({ length }: Uint8Array): Promise<void> | undefined {
  return length > SMALL ? setImmediate() : undefined;
}
