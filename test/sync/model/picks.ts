import { mailOf, PEOPLE } from './school-system.js';
import type { Conflict, Entity, Run, Snapshot } from './snapshot.js';

/* What a person means by the number of a plan, a run or a candidate. */

/** Plans that wait for a person, without those that belong to another. */
export function waitingOf({ runs }: Snapshot): Run[] {
  return runs.filter(({ status, parentId }) => (status === 'PREVIEWED' || status === 'HELD') && !parentId);
}

/** The latest is the first. */
export function latestOf(runs: readonly Run[], nth: number): Run | undefined {
  return runs[runs.length - 1 - (nth % Math.max(1, runs.length))];
}

export function doneOf({ runs }: Snapshot, integrationId: string): Run[] {
  return runs.filter(
    (run) =>
      run.integrationId === integrationId &&
      run.status === 'COMPLETED' &&
      run.kind !== 'MANUAL' &&
      !run.parentId,
  );
}

export function candidateOf({ candidates }: Conflict, nth: number): string | undefined {
  return candidates[nth % Math.max(1, candidates.length)]?.internalId;
}

export function editOf({ fields }: Entity, { field, value }: { field: 'email' | 'givenName'; value: 0 | 1 }) {
  if (field === 'email') {
    const person = PEOPLE.findIndex(({ familyName }) => familyName === fields.familyName);
    return { email: mailOf(person, 8 + value) };
  }
  return { givenName: `${String(fields.givenName).split(' ')[0]}${value ? ' Inés' : ''}` };
}
