import { statfs } from 'node:fs/promises';

const MIB = 1024 * 1024;
/** With less on the disk, a sync or a sheet of attendance may not find room. */
const LEAST_BYTES = 32 * MIB;

/** Why there is no work to be done in a folder: its disk is full, or nearly so. undefined where there is room. */
export async function lackOfRoom(
  variable: string,
  folder: string,
  least = LEAST_BYTES,
): Promise<string | undefined> {
  const disk = await statfs(folder).catch(() => undefined);
  // Not there yet, or of a kind that does not tell: writing will.
  if (!disk || disk.blocks === 0) return undefined;
  const free = disk.bavail * disk.bsize;
  if (free >= least) return undefined;
  return `The disk of ${variable} has ${Math.floor(free / MIB)} MiB left; the service needs ${Math.ceil(least / MIB)} MiB.`;
}
