import type { Database } from '../../../database/index.js';
import { type SyncPolicy, syncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';

/** The other integrations of an institution, and how long each waits for who is missing there. */
export interface Others {
  ids: readonly string[];
  graceRuns: readonly number[];
  /** Null where days do not count. */
  graceDays: readonly (number | null)[];
}

export async function othersOf(
  database: Database,
  { integrationId, institutionId }: SyncRun,
): Promise<Others> {
  const rows = await database.query<{ id: string; policy: unknown }>(
    'SELECT id, policy FROM integrations WHERE institution_id = $1 AND id <> $2 ORDER BY id',
    [institutionId, integrationId],
  );
  const policies = rows.map(({ policy }) => syncPolicy.parse(policy));
  return {
    ids: rows.map(({ id }) => id),
    graceRuns: policies.map(({ graceRuns }) => graceRuns),
    graceDays: policies.map(({ graceDays }) => graceDays ?? null),
  };
}

/** Two parameters of a statement: after how many readings, and after how many days, an integration lets go. */
export const graceOf = ({ graceRuns, graceDays }: SyncPolicy): [runs: number, days: number | null] => [
  graceRuns,
  graceDays ?? null,
];

/** SQL that says whether an integration has let go of somebody: he or she is missing there for longer than it waits. */
export function hasLetGo(
  { missingRuns, missingSince }: { missingRuns: string; missingSince: string },
  [runs, days]: readonly [runs: string, days: string],
): string {
  return `(${missingRuns} > ${runs}
    OR COALESCE(${missingSince} < now() - make_interval(secs => ${days}::float8 * 86400), false))`;
}

/**
 * SQL for the ids of entities that one of the others has, or still waits for, with the run that last wrote its
 * mapping. Absence from one integration takes nothing from what another has. `from`: the first of three
 * parameters in a row, the values of `Others`. It goes through the mappings of the others once, whatever the
 * number of those who are asked for.
 */
export function heldByOthers(entityType: string, from: number): string {
  const letGo = hasLetGo({ missingRuns: 'o.missing_runs', missingSince: 'o.missing_since' }, [
    'i.runs',
    'i.days',
  ]);
  return `SELECT o.internal_id, o.integration_id, o.last_run_id FROM integration_mappings o
    JOIN unnest($${from}::uuid[], $${from + 1}::int[], $${from + 2}::float8[]) AS i (id, runs, days)
      ON i.id = o.integration_id
    WHERE o.integration_id = ANY($${from}::uuid[]) AND o.entity_type = ${entityType} AND NOT ${letGo}`;
}

/** The values of the parameters of `heldByOthers`. */
export const valuesOf = ({ ids, graceRuns, graceDays }: Others) => [ids, graceRuns, graceDays];
