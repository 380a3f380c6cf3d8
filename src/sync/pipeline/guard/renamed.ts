import type { EntitySpec } from '../../../roster/index.js';

/**
 * SQL that says whether somebody has another name or national id in the JSON object `last` than in `first`,
 * where `first` had one.
 */
export function isRenamed(spec: EntitySpec, first: string, last: string): string {
  const others = spec.fields
    .filter(({ kind }) => kind === 'name' || kind === 'nationalId')
    .map(
      ({ field }) => `(COALESCE(${first}->>'${field}', '') <> '' AND ${last} ? '${field}'
         AND ${last}->>'${field}' IS DISTINCT FROM ${first}->>'${field}')`,
    );
  return others.length > 0 ? `(${others.join(' OR ')})` : 'false';
}
