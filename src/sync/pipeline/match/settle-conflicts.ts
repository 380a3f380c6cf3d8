import { type Database, isOfPerson } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { closeConflicts } from '../../conflicts/former-decision.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { RUN } from '../sql/run-sql.js';
import type { Staged } from '../stage/index.js';

interface Settling {
  run: SyncRun;
  spec: EntitySpec;
  staged: Staged;
}

/**
 * Closes conflicts that wait although their row is in no doubt any more, or is no longer in the source. Those about an
 * id that may be re-used go on, as conflicts of this run, while the reading has no good row of it: that tells nothing
 * of whose it is. To be called once the rows in doubt are out of the plan.
 */
export async function settleConflicts(database: Database, settling: Settling): Promise<void> {
  const { run, spec, staged } = settling;
  if (spec.table !== 'students' && spec.table !== 'teachers') return;
  const key = [run.integrationId, spec.entityType];
  const of = 'd.integration_id = $1 AND d.entity_type = $2';
  const [any] = await database.query(
    'SELECT 1 FROM sync_conflicts WHERE integration_id = $1 AND entity_type = $2 LIMIT 1',
    key,
  );
  if (!any) return;
  const doubted = await findDoubted(database, settling);
  const ids = (...outcomes: Outcome[]) =>
    doubted.flatMap(({ id, outcome }) => (outcomes.includes(outcome) ? id : []));
  await closeConflicts(database, `${of} AND d.id = ANY($3::uuid[])`, [...key, ids('heard', 'ignored')]);
  await database.execute(
    `UPDATE sync_conflicts d SET run_id = $4 WHERE ${of} AND d.resolution IS NULL AND d.id = ANY($3::uuid[])`,
    [...key, ids('unheard'), run.id],
  );
  // What is to be ignored of somebody's id rests while the source says something else of it.
  await database.execute(
    `UPDATE sync_conflicts d SET idle = d.id = ANY($3::uuid[])
     WHERE ${of} AND d.resolution = 'IGNORE' AND d.id = ANY($4::uuid[])
       AND d.idle <> (d.id = ANY($3::uuid[]))`,
    [...key, ids('heard'), ids('heard', 'ignored')],
  );
  const others = `${of} AND d.run_id <> $4 AND d.id <> ALL($3::uuid[])`;
  const rest = [...key, doubted.map(({ id }) => id), run.id];
  if (!staged.partial && run.evidence.gaps.length === 0) return closeConflicts(database, others, rest);
  const isTold = `(d.external_id = ANY($5::text[]) OR d.external_id IN (SELECT s.external_id FROM sync_staged s
    WHERE s.integration_id = $1 AND s.run_id = $4 AND s.kind IN ('ENTITY', 'KEPT_OUT')))`;
  await closeConflicts(database, `${others} AND ${isTold}`, [...rest, staged.gone]);
}

/**
 * What a reading says of an id in doubt: `met`: it is in doubt still; `ignored`: what is to be ignored of it; `heard`:
 * the row is the person's; `unheard`: nothing, it lacks the id or has only rows of it with errors.
 */
type Outcome = 'met' | 'ignored' | 'heard' | 'unheard';

/** Conflicts about an id that may be re-used: those that wait, and those whose row a person said to ignore. */
async function findDoubted(
  database: Database,
  { run, spec, staged }: Settling,
): Promise<{ id: string; outcome: Outcome }[]> {
  const rows = await database.query<{
    id: string;
    isMet: boolean;
    kind: 'ENTITY' | 'KEPT_OUT' | null;
    digest: Buffer | null;
  }>(
    `SELECT d.id, d.resolution IS NULL AND d.run_id = $2 AS "isMet", s.kind, uuid_send(m.digest) AS digest
     FROM sync_conflicts d
     JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3
       AND m.external_id = d.external_id AND ${isOfPerson('d', 'm.internal_id')}
     LEFT JOIN (SELECT s.external_id, max(s.kind) AS kind FROM sync_staged s
                WHERE ${RUN} AND s.kind IN ('ENTITY', 'KEPT_OUT') GROUP BY s.external_id) s
       ON s.external_id = d.external_id
     WHERE d.integration_id = $1 AND d.entity_type = $3 AND (d.resolution IS NULL OR d.resolution = 'IGNORE')`,
    [run.integrationId, run.id, spec.entityType],
  );
  return rows.map(({ id, isMet, kind, digest }) => {
    if (kind === 'KEPT_OUT') return { id, outcome: isMet ? 'met' : 'ignored' };
    // A row that is as it was goes no further than its digest.
    const isHeard = kind === 'ENTITY' || (digest !== null && staged.known.lineOf(digest, 0) !== 0);
    return { id, outcome: isHeard ? 'heard' : 'unheard' };
  });
}
