import { SyncRun_Status as Status, type SyncRun } from '../../clients/typescript/src/node.js';
import { EXIT } from './exit-codes.js';

/** How a command ends that brought a run to its end. `parts`: those of a run of all entity types. */
export function exitCodeOf({ status, counts }: SyncRun, parts: readonly SyncRun[]): number {
  if (status === Status.HELD || parts.some((part) => part.status === Status.HELD)) return EXIT.held;
  if (status !== Status.COMPLETED && status !== Status.PREVIEWED) return EXIT.failed;
  const failed = Math.max(...[counts, ...parts.map((part) => part.counts)].map((each) => each?.failed ?? 0));
  return failed > 0 ? EXIT.failedRows : EXIT.done;
}
