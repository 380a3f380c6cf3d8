import type { Database } from '../../../database/index.js';
import type { SyncRun } from '../../runs/sync-run.js';

/** How many changes of an entity and an action a plan holds. */
export interface ActionCount {
  entity: string;
  action: string;
  count: number;
}

/** What a plan holds, how many changes that is, and among how many rows each is looked up. */
export interface PlanSizes {
  actions: readonly ActionCount[];
  rows: number;
  among: number;
}

const CHANGES = 'c.integration_id = $1 AND c.run_id = $2';
/** Changes that are carried out: neither moved nor refused. */
export const GOOD = `${CHANGES} AND c.outcome IS NULL`;

export async function countByAction(database: Database, run: SyncRun): Promise<ActionCount[]> {
  return database.query<ActionCount>(
    'SELECT entity, action, count(*)::int FROM sync_changes WHERE integration_id = $1 AND run_id = $2 GROUP BY entity, action',
    [run.integrationId, run.id],
  );
}

export function sizesOf(actions: readonly ActionCount[], run: SyncRun): PlanSizes {
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
