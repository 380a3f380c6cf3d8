import type { Database } from '../../../database/index.js';
import type { SyncRun } from '../../runs/sync-run.js';

/**
 * What a plan holds: how many changes of each entity and action, and among how many rows each is looked up.
 */
export interface PlanSizes {
  actions: readonly { entity: string; action: string; count: number }[];
  rows: number;
  among: number;
}

const CHANGES = 'c.integration_id = $1 AND c.run_id = $2';
/** Changes that are carried out: neither moved nor refused. */
export const GOOD = `${CHANGES} AND c.outcome IS NULL`;

export async function sizesOf(database: Database, run: SyncRun): Promise<PlanSizes> {
  const actions = await database.query<{ entity: string; action: string; count: number }>(
    'SELECT entity, action, count(*)::int FROM sync_changes WHERE integration_id = $1 AND run_id = $2 GROUP BY entity, action',
    [run.integrationId, run.id],
  );
  const rows = actions.reduce((sum, { count }) => sum + count, 0);
  return { actions, rows, among: rows + run.counts.unchanged };
}

export function has({ actions }: PlanSizes, entity: string, ...wanted: string[]): boolean {
  return actions.some((row) => row.entity === entity && wanted.includes(row.action));
}

/** How a change is marked that is left out. */
export function outcomeOf(run: SyncRun): 'MOVED' | 'REFUSED' {
  return run.rollsBack ? 'REFUSED' : 'MOVED';
}
