import type { Session } from './session.js';

/** The runs that have the rows of a run: it alone, or its parts where it is one of all entity types. */
export async function runsWithRows({ api }: Session, id: string, runId: string): Promise<string[]> {
  // The first answer is how it stands now.
  for await (const { parts } of api.watchSync({ id, runId }))
    return parts.length > 0 ? parts.map((part) => part.id) : [runId];
  return [runId];
}

/** Items of several lists, one list after the other. */
export async function* inTurn<T>(ids: readonly string[], list: (id: string) => AsyncIterable<T>) {
  for (const id of ids) yield* list(id);
}
