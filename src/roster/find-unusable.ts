import type { Database } from '../database/index.js';
import type { FieldViolation } from '../errors.js';
import type { EntitySpec } from './schema.js';

/**
 * Which of some references lead to no entity of an institution, or to one that was merged into another, as
 * violations of the fields they came in. `ids`: by field, a UUID; what is null or undefined is no reference.
 * The others are locked: they are neither deleted nor merged before the transaction under way ends.
 */
export async function findUnusable(
  database: Database,
  { table, noun }: EntitySpec,
  institutionId: string,
  ids: Readonly<Record<string, string | null | undefined>>,
): Promise<FieldViolation[]> {
  const given = Object.entries(ids).flatMap(([field, id]) => (id ? [{ field, id }] : []));
  if (given.length === 0) return [];
  const rows = await database.query<{ id: string; mergedInto: string | null }>(
    `SELECT id, merged_into AS "mergedInto" FROM ${table} WHERE institution_id = $1 AND id = ANY($2::uuid[])
     ORDER BY id FOR KEY SHARE`,
    [institutionId, given.map(({ id }) => id)],
  );
  const found = new Map(rows.map((row) => [row.id, row]));
  return given.flatMap(({ field, id }) => {
    const row = found.get(id.toLowerCase());
    if (!row) return [{ field, description: `there is no ${noun} ${id} in this institution` }];
    if (row.mergedInto)
      return [{ field, description: `the ${noun} ${id} was merged into ${row.mergedInto}: give that id` }];
    return [];
  });
}
