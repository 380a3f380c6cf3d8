import type { EntitySpec } from '../roster/index.js';

export { ENTITY_SPECS, type EntitySpec, type FieldSpec } from '../roster/index.js';

/** In which role memberships come with entities of this type; undefined where none do. */
export function membershipRole({ table }: EntitySpec): 'STUDENT' | 'TEACHER' | undefined {
  return table === 'students' ? 'STUDENT' : table === 'groups' ? 'TEACHER' : undefined;
}
