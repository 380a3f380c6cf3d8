import type { SyncRun } from '../../clients/typescript/src/node.js';
import type { Session } from './session.js';

/** The runs that have the rows of a run: it alone, or its parts where it is one of all entity types. */
export async function runsWithRows(session: Session, id: string, runId: string): Promise<string[]> {
  const { parts } = await runWithParts(session, id, runId);
  return parts.length > 0 ? parts.map((part) => part.id) : [runId];
}

/** A run as it stands now, with its parts where it is one of all entity types. */
export async function runWithParts(
  { api }: Session,
  id: string,
  runId: string,
): Promise<{ run?: SyncRun | undefined; parts: readonly SyncRun[] }> {
  // The first answer is how it stands now.
  for await (const answer of api.watchSync({ id, runId })) return answer;
  return { parts: [] };
}

/** Items of several lists, one list after the other. */
export async function* inTurn<T>(ids: readonly string[], list: (id: string) => AsyncIterable<T>) {
  for (const id of ids) yield* list(id);
}
