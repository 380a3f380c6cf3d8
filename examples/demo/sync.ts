import type { Rest } from './rest.js';
import { table } from './terminal.js';

interface Counts {
  read: number;
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  warnings: number;
  missing: number;
}

interface SyncAnswer {
  success: boolean;
  runId: string;
  errors: string[];
  counts: Counts;
  membershipCounts: Counts;
}

interface Run {
  status: string;
  stage: string;
  counts: Counts;
}

export const ENTITY_TYPES = ['COURSE', 'TEACHER', 'GROUP', 'STUDENT'] as const;

/**
 * Syncs entity types, all of them if none are named, with a line that shows how far it is, and a table at the
 * end. Returns the answers.
 */
export async function syncAll(
  rest: Rest,
  integrationId: string,
  entityTypes: readonly string[] = ENTITY_TYPES,
): Promise<SyncAnswer[]> {
  const answers: SyncAnswer[] = [];
  for (const entityType of entityTypes) {
    const stop = showProgress(rest, integrationId, entityType);
    const answer = await rest.post<SyncAnswer>(`/integrations/${integrationId}/sync`, { entityType });
    await stop();
    if (!answer.success) throw new Error(`syncing ${entityType} failed: ${answer.errors.join('; ')}`);
    answers.push(answer);
  }
  const rows = answers.map(({ counts, membershipCounts }, i) => {
    const { read, created, updated, unchanged, failed, warnings, missing } = counts;
    const members = membershipCounts.created;
    const shown = { read, created, updated, unchanged, failed, warnings, missing, members };
    return [entityTypes[i] as string, shown] as const;
  });
  console.log(table(rows));
  return answers;
}

/** What was not right in the files, a sentence each. */
export async function listFaults(
  rest: Rest,
  integrationId: string,
  answers: readonly SyncAnswer[],
): Promise<string[]> {
  const lists = await Promise.all(
    answers.map(({ runId }) =>
      rest.get<{ severity: string; message: string }[]>(
        `/integrations/${integrationId}/runs/${runId}/issues`,
      ),
    ),
  );
  return lists.flat().map(({ severity, message }) => `${severity.toLowerCase().padEnd(7)} ${message}`);
}

function showProgress(rest: Rest, integrationId: string, entityType: string): () => Promise<void> {
  if (!process.stdout.isTTY) return async () => {};
  let done = false;
  const look = async () => {
    while (!done) {
      const [run] = await rest.get<Run[]>(`/integrations/${integrationId}/runs?pageSize=1`);
      if (run && !done)
        process.stdout.write(`\r${entityType}: ${run.stage.toLowerCase()}, ${run.counts.read} rows read   `);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const looking = look();
  return async () => {
    done = true;
    await looking;
    process.stdout.write('\r\x1b[K');
  };
}
