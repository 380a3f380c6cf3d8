import type { SyncService } from '../../src/sync/index.js';

/** Claims any one run whose process has died, as a worker does that was sent a job for it; undefined when there is none. */
export async function claimAnyDead({ claims }: SyncService) {
  for (const dead of await claims.listDead()) {
    const held = await claims.claimDeadRun(dead);
    if (held) return held;
  }
  return undefined;
}
