import type { EntitySpec } from '../../../roster/index.js';

/**
 * A field of an entity on its way: from sync_staged (`s`) by a plan (`c`) into its roster table (`t`), as
 * SQL.
 */
export interface EntityColumn {
  field: string;
  column: string;
  /** The value as the source has it. */
  staged: string;
  /** The value as a plan's `after` has it. */
  planned: string;
  /** What a new row has without it. */
  initial: string;
  /** Whether a row may say nothing of it, as when a warning dropped it: then the roster keeps what it has. */
  droppable: boolean;
}

/** All that a sync can write of an entity. */
export function entityColumns(spec: EntitySpec): EntityColumn[] {
  const columns = spec.fields.map(({ field, column, kind }): EntityColumn => {
    const cast = kind === 'date' ? '::date' : '';
    const isName = kind === 'name';
    return {
      field,
      column,
      staged: isName ? `COALESCE(s.${column}, '')` : `s.${column}`,
      planned: `(c.after->>'${field}')${cast}`,
      initial: isName ? "''" : 'NULL',
      droppable: true,
    };
  });
  const active = { staged: 's.active', planned: `(c.after->>'active')::boolean`, initial: 'true' };
  const metadata = { staged: `COALESCE(s.metadata, '{}')`, planned: `c.after->'metadata'`, initial: `'{}'` };
  columns.push({ field: 'active', column: 'active', ...active, droppable: true });
  columns.push({ field: 'metadata', column: 'metadata', ...metadata, droppable: false });
  if (spec.table === 'groups') {
    // A course that is not known yet leaves the group's course as it is.
    const staged =
      'CASE WHEN s.course_external_id IS NULL THEN NULL ELSE COALESCE(cm.internal_id, t.course_id) END';
    const planned = `(c.after->>'courseId')::uuid`;
    columns.push({
      field: 'courseId',
      column: 'course_id',
      staged,
      planned,
      initial: 'NULL',
      droppable: false,
    });
  }
  return columns;
}

/** A JSON object of a roster row `t`, whole, named as plans name the fields. */
export function rowObject(spec: EntitySpec): string {
  return `jsonb_build_object(${entityColumns(spec)
    .map(({ field, column }) => `'${field}', t.${column}`)
    .join(', ')})`;
}

/** Whether a roster row `t` still has the fields of a JSON object as they are there. */
export function stillHas(spec: EntitySpec, object: string): string {
  // Containment looks into objects: metadata that only grew would pass.
  return `(${rowObject(spec)} @> ${object} AND (NOT ${object} ? 'metadata' OR t.metadata = ${object}->'metadata'))`;
}
