/**
 * SQL that says whether a row `conflict` of sync_conflicts is about a row of a source that contradicts the person
 * `mapped` whom its id is mapped to: the id may be somebody else's by now.
 */
export function isOfPerson(conflict: string, mapped: string): string {
  return `${conflict}.candidates @> jsonb_build_array(
    jsonb_build_object('internalId', ${mapped}, 'rule', 'externalId'))`;
}
