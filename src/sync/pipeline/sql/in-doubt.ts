import { isOfPerson } from '../../../database/index.js';

/**
 * SQL that says of a row `conflict` of sync_conflicts whether its id may be that of somebody else than the person
 * `mapped` whom it is mapped to: a person has yet to say so, or said to ignore what the source says of it.
 */
export function isInDoubt(conflict: string, mapped: string): string {
  return `(${conflict}.resolution IS NULL
    OR ${conflict}.resolution = 'IGNORE' AND NOT ${conflict}.idle AND ${isOfPerson(conflict, mapped)})`;
}
