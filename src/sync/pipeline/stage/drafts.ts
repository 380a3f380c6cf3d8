import { randomUUID } from 'node:crypto';
import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { entityColumns } from '../sql/entity-columns.js';
import type { RowColumn } from './row-writer.js';
import type { StagedRow } from './stage-record.js';

/*
 * Where nobody is known yet there is nothing to compare with: each row makes somebody new. Such rows are
 * drafts, which are written straight into the plan and spare the way through sync_staged: half the work of a
 * first sync.
 */

/**
 * Whether the plan can only create: no mapping, nobody in the roster who a row may stand for, and no decision
 * about one. Groups are left out: whether they have a course is for the plan to find.
 */
export async function canDraft(database: Database, run: SyncRun, spec: EntitySpec): Promise<boolean> {
  if (spec.table === 'groups') return false;
  const [row] = await database.query<{ nobody: boolean }>(
    `SELECT NOT EXISTS (SELECT 1 FROM integration_mappings WHERE integration_id = $1 AND entity_type = $3)
       AND NOT EXISTS (SELECT 1 FROM sync_conflicts WHERE integration_id = $1 AND entity_type = $3)
       AND NOT EXISTS (SELECT 1 FROM ${spec.table} WHERE institution_id = $2) AS nobody`,
    [run.integrationId, run.institutionId, run.entityType],
  );
  return row?.nobody === true;
}

/** The columns of sync_changes, for somebody new. */
export function draftColumns(run: SyncRun, spec: EntitySpec): RowColumn<StagedRow>[] {
  return [
    ['integration_id', 'uuid', () => run.integrationId],
    ['run_id', 'uuid', () => run.id],
    ['seq', 'int', (row) => row.seq],
    ['entity', 'text', () => spec.entityType],
    ['action', 'text', () => 'CREATE'],
    ['internal_id', 'uuid', newId],
    ['external_id', 'text', (row) => row.externalId],
    ['after', 'jsonb', (row) => fieldsOf(spec, row)],
    ['digest', 'uuid', (row) => row.digest],
    ['line', 'int', (row) => row.line],
  ];
}

/**
 * Moves drafts to sync_staged, because somebody came while they were written. What a warning dropped of a row
 * was not kept: of a row without a digest, all that is empty counts as dropped.
 */
export async function undraft(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  const columns = entityColumns(spec);
  const empty = `ARRAY(SELECT key FROM jsonb_each(c.after) WHERE value IN ('null', '""'))`;
  await database.execute(
    `WITH c AS (DELETE FROM sync_changes WHERE integration_id = $1 AND run_id = $2 AND entity = $3 RETURNING *)
     INSERT INTO sync_staged (integration_id, run_id, kind, seq, line, external_id, digest, dropped, ${columns.map(({ column }) => column).join(', ')})
     SELECT $1, $2, 'ENTITY', c.seq, c.line, c.external_id, c.digest, CASE WHEN c.digest IS NULL THEN ${empty} END,
       ${columns.map(({ planned }) => planned).join(', ')} FROM c`,
    [run.integrationId, run.id, spec.entityType],
  );
}

/** The millisecond of the id made last, and how many were made in it before. */
let lastTime = '';
let count = 0;

/**
 * A UUID of version 7, with a counter for those of one millisecond: rows that come one after the other stand
 * side by side in an index, which costs less to write.
 */
function newId(): string {
  const now = Date.now().toString(16).padStart(12, '0');
  count = now === lastTime ? (count + 1) % 4_096 : 0;
  lastTime = now;
  return `${now.slice(0, 8)}-${now.slice(8)}-7${count.toString(16).padStart(3, '0')}${randomUUID().slice(18)}`;
}

/** As plans have the fields of somebody new. */
function fieldsOf(spec: EntitySpec, { values, active, metadata }: StagedRow): string {
  // Of whom nobody can tell it, a new one is inactive.
  let json = `{"active":${active ?? false}`;
  for (const { field, column, kind } of spec.fields) {
    const value = values[column];
    if (value !== undefined) json += `,"${field}":${JSON.stringify(kind === 'name' ? (value ?? '') : value)}`;
  }
  return metadata === null ? `${json}}` : `${json},"metadata":${metadata}}`;
}
