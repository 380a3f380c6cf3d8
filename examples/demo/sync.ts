import type { Rest } from './rest.js';
import { table } from './terminal.js';
import { type Run, syncWatched } from './watch.js';

export const ENTITY_TYPES = ['COURSE', 'TEACHER', 'GROUP', 'STUDENT'] as const;

/**
 * Syncs entity types, all of them if none are named, with a line that shows how far it is, and a table at the
 * end. Returns the runs.
 */
export async function syncAll(
  rest: Rest,
  integrationId: string,
  entityTypes: readonly string[] = ENTITY_TYPES,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const entityType of entityTypes) {
    const run = await syncWatched(rest, integrationId, entityType);
    if (run.status !== 'COMPLETED')
      throw new Error(`syncing ${entityType} ended as ${run.status}: ${run.error}`);
    runs.push(run);
  }
  const rows = runs.map(({ counts, membershipCounts }, i) => {
    const { read, created, updated, unchanged, failed, warnings, missing } = counts;
    const members = membershipCounts.created;
    const shown = { read, created, updated, unchanged, failed, warnings, missing, members };
    return [entityTypes[i] as string, shown] as const;
  });
  console.log(table(rows));
  return runs;
}

/** What was not right in the files, a sentence each. */
export async function listFaults(rest: Rest, integrationId: string, runs: readonly Run[]): Promise<string[]> {
  const lists = await Promise.all(
    runs.map(({ id }) =>
      rest.get<{ severity: string; message: string }[]>(`/integrations/${integrationId}/runs/${id}/issues`),
    ),
  );
  return lists.flat().map(({ severity, message }) => `${severity.toLowerCase().padEnd(7)} ${message}`);
}
