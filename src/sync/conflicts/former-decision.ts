import type { Database } from '../../database/index.js';

/*
 * A row about which a person decided may say something else one day, and be asked about anew: the conflict waits, and
 * the decision becomes its former one (sync_conflicts.former). It holds again as soon as the row says what it
 * said, and a person who decides anew replaces it.
 */

/** SQL for the decision of a conflict `x`, as it is kept when its row is asked about anew. */
export const TO_FORMER = `CASE WHEN x.resolution IS NULL THEN x.former ELSE jsonb_build_object(
  'resolution', x.resolution, 'internalId', x.internal_id, 'record', x.record, 'candidates', x.candidates,
  'reason', x.reason, 'resolvedAt', x.resolved_at) END`;

/** Sets the columns of a conflict `d` to its former decision. */
const FROM_FORMER = `resolution = d.former->>'resolution', internal_id = (d.former->>'internalId')::uuid,
  record = d.former->'record', candidates = d.former->'candidates', reason = d.former->>'reason',
  resolved_at = (d.former->>'resolvedAt')::timestamptz, former = NULL`;

/**
 * SQL for the conflicts of an integration and an entity type with what was last decided about each, may the row be
 * asked about anew or not; `waits` says so. The arguments are SQL.
 */
export function decisionsOf(integration: string, entityType: string): string {
  const decided = (column: string, former: string) =>
    `CASE WHEN d.resolution IS NULL AND d.former IS NOT NULL THEN ${former} ELSE d.${column} END AS ${column}`;
  return `(SELECT d.external_id, d.resolution IS NULL AS waits,
    ${decided('resolution', `d.former->>'resolution'`)},
    ${decided('internal_id', `(d.former->>'internalId')::uuid`)},
    ${decided('record', `d.former->'record'`)},
    ${decided('candidates', `d.former->'candidates'`)},
    ${decided('resolved_at', `(d.former->>'resolvedAt')::timestamptz`)}
  FROM sync_conflicts d WHERE d.integration_id = ${integration} AND d.entity_type = ${entityType})`;
}

/**
 * Forgets former decisions that link other rows to these people: a newer one claims them. `rows` are the external ids
 * that were decided about now.
 */
export async function forgetFormerLinks(
  database: Database,
  { integrationId, entityType }: { integrationId: string; entityType: string },
  { people, rows }: { people: readonly string[]; rows: readonly string[] },
): Promise<void> {
  await database.execute(
    `UPDATE sync_conflicts SET former = NULL
     WHERE integration_id = $1 AND entity_type = $2 AND former->>'resolution' = 'LINK'
       AND (former->>'internalId')::uuid = ANY($3::uuid[]) AND external_id <> ALL($4::text[])`,
    [integrationId, entityType, people, rows],
  );
}

/**
 * Closes conflicts `d` that wait and for which `condition` is true: those with a former decision are decided again, the
 * others go.
 */
export async function closeConflicts(
  database: Database,
  condition: string,
  values: readonly unknown[],
): Promise<void> {
  const closing = `d.resolution IS NULL AND ${condition}`;
  await database.execute(
    `UPDATE sync_conflicts d SET ${FROM_FORMER} WHERE ${closing} AND d.former IS NOT NULL`,
    values,
  );
  await database.execute(`DELETE FROM sync_conflicts d WHERE ${closing} AND d.former IS NULL`, values);
}
