/** The staged rows of a run, as `s`; $1 and $2 are its integration and its id. */
export const RUN = 's.integration_id = $1 AND s.run_id = $2';

/** SQL for a JSON object of these fields. */
export function jsonObject(pairs: readonly (readonly [field: string, expression: string])[]): string {
  return `jsonb_build_object(${pairs.map(([field, expression]) => `'${field}', ${expression}`).join(', ')})`;
}
