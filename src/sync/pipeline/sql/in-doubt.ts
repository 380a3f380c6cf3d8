/**
 * SQL that says of a row `conflict` of sync_conflicts whether its id may be that of somebody else than the person
 * `mapped` whom it is mapped to: a person has yet to say so, or said to ignore what the source says of it.
 */
export function isInDoubt(conflict: string, mapped: string): string {
  return `(${conflict}.resolution IS NULL
    OR ${conflict}.resolution = 'IGNORE' AND NOT ${conflict}.idle AND ${isOfPerson(conflict, mapped)})`;
}

/** SQL that says whether a conflict is about a row that contradicts the person whom its id is mapped to. */
export function isOfPerson(conflict: string, mapped: string): string {
  return `${conflict}.candidates @> jsonb_build_array(
    jsonb_build_object('internalId', ${mapped}, 'rule', 'externalId'))`;
}
