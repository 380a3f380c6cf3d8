import { decisionHolds } from './contradiction.js';

/** So many candidates of a conflict are stored, the likeliest. */
export const MAX_CANDIDATES = 10;

/** Of a row without a decision, which most are, nothing else is looked at. */
const isNew = (decision: string, row: string) =>
  `${decision}.resolution IS NOT DISTINCT FROM 'CREATE' AND ${decisionHolds(row, decision)}`;

/**
 * SQL for the people of whom a decision `decision` to create somebody says that the row `row` is none of them: the
 * candidates that were shown. Whoever came into the roster since is looked at.
 */
export function deniedBy(decision: string, row: string): string {
  return `CASE WHEN ${isNew(decision, row)} THEN ARRAY(
    SELECT (c->>'internalId')::uuid FROM jsonb_array_elements(${decision}.candidates) c
    WHERE c->>'internalId' IS NOT NULL) END`;
}

/** SQL that says whether it denies more people than were stored, and so everybody. */
export function deniesAll(decision: string, row: string): string {
  return `((${isNew(decision, row)}) AND jsonb_array_length(${decision}.candidates) >= ${MAX_CANDIDATES}) IS TRUE`;
}
