import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { heldByOthers, othersOf, valuesOf } from '../sql/others.js';
import { STOPS } from '../sql/stops.js';
import { GOOD, outcomeOf } from './plan-sizes.js';

/**
 * Leaves out what would make somebody inactive for absence whom another integration has by now: to that one the row
 * stays unchanged, and nothing would bring him or her back. A rollback is left out only where the other one wrote its
 * mapping after the run that is taken back; else all was as it will be again. Returns how many changes that is.
 */
export async function markHeld(database: Database, run: SyncRun, spec: EntitySpec): Promise<number> {
  const others = await othersOf(database, run);
  if (others.ids.length === 0) return 0;
  const since = `JOIN sync_runs r ON r.integration_id = o.integration_id AND r.id = o.last_run_id
    AND r.applied_position > (SELECT applied_position FROM sync_runs WHERE integration_id = $1 AND id = $7)`;
  return database.execute(
    `UPDATE sync_changes x SET outcome = '${outcomeOf(run)}', reason = 'Another integration has it.' FROM (
       SELECT DISTINCT c.seq FROM sync_changes c
       JOIN (${heldByOthers('$3', 4)}) o ON o.internal_id = c.internal_id ${run.rollsBack ? since : ''}
       WHERE ${GOOD} AND c.entity = $3 AND ${STOPS} AND ${run.rollsBack ? 'true' : 'c.missing_after > 0'}
     ) held WHERE x.integration_id = $1 AND x.run_id = $2 AND x.seq = held.seq`,
    [
      run.integrationId,
      run.id,
      spec.entityType,
      ...valuesOf(others),
      ...(run.rollsBack ? [run.rollsBack] : []),
    ],
  );
}
