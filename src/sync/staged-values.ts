import type { EntitySpec } from './entity-spec.js';

/** A value on its way from sync_staged (`s`) into a roster table (`t`), as SQL. */
export interface ValueSql {
  field: string;
  column: string;
  /** Expression of the value as the source has it. */
  staged: string;
  /** Whether a warning may have dropped it: then the roster keeps what it has. */
  droppable: boolean;
}

/** The values that the source has; fields it does not have are left alone. */
export function stagedValues(spec: EntitySpec, provided: ReadonlySet<string>): ValueSql[] {
  const values = spec.fields
    .filter(({ field }) => provided.has(field))
    .map(({ field, column, kind }): ValueSql => {
      return { field, column, staged: kind === 'name' ? `COALESCE(s.${column}, '')` : `s.${column}`, droppable: true };
    });
  values.push({ field: 'active', column: 'active', staged: 's.active', droppable: false });
  if (provided.has('metadata')) {
    values.push({ field: 'metadata', column: 'metadata', staged: `COALESCE(s.metadata, '{}')`, droppable: false });
  }
  return values;
}

/** Expression of the value as it shall be in a roster row `t` that may be there already. */
export function nextValue({ field, column, staged, droppable }: ValueSql): string {
  return droppable ? `CASE WHEN t.id IS NOT NULL AND '${field}' = ANY(s.dropped) THEN t.${column} ELSE ${staged} END` : staged;
}
