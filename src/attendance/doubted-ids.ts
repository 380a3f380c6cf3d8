import { isOfPerson } from '../database/index.js';

/**
 * SQL that says whether a row `conflict` of sync_conflicts asks if the id of `mapping`, of a student, is still the
 * student's, while a person has yet to say so. `integration`: the parameter with the id of their integration.
 */
export function isDoubtOf(conflict: string, mapping: string, integration: string): string {
  return `${conflict}.integration_id = ${integration} AND ${conflict}.entity_type = 'STUDENT'
    AND ${conflict}.external_id = ${mapping}.external_id AND ${conflict}.resolution IS NULL
    AND ${isOfPerson(conflict, `${mapping}.internal_id`)}`;
}
