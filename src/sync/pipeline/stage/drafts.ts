import { randomBytes } from 'node:crypto';
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
  const fieldsOf = writerOfFields(spec);
  return [
    ['integration_id', 'uuid', run.integrationId],
    ['run_id', 'uuid', run.id],
    ['seq', 'int', (row) => row.seq],
    ['entity', 'text', spec.entityType],
    ['action', 'text', 'CREATE'],
    ['internal_id', 'uuid', newId],
    ['external_id', 'text', (row) => row.externalId],
    ['after', 'jsonb', fieldsOf],
    ['digest', 'uuid', (row) => row.digest],
    ['line', 'int', (row) => row.line],
  ];
}

/**
 * Moves drafts to sync_staged, because somebody came while they were written. What a warning dropped of a row
 * was not kept: of a row without a digest, all that is empty counts as dropped, and so does its state, which
 * may be one that nobody knows. The next sync looks at such a row again.
 */
export async function undraft(database: Database, run: SyncRun, spec: EntitySpec): Promise<void> {
  const columns = entityColumns(spec);
  const untold = `ARRAY['active'] || ARRAY(SELECT key FROM jsonb_each(c.after)
    WHERE value IN ('null', '""'))`;
  await database.execute(
    `WITH c AS (DELETE FROM sync_changes WHERE integration_id = $1 AND run_id = $2 AND entity = $3
      RETURNING *)
     INSERT INTO sync_staged (integration_id, run_id, kind, seq, line, external_id, digest, dropped,
       ${columns.map(({ column }) => column).join(', ')})
     SELECT $1, $2, 'ENTITY', c.seq, c.line, c.external_id, c.digest, CASE
       WHEN c.digest IS NULL THEN ${untold} END,
       ${columns.map(({ planned }) => planned).join(', ')} FROM c`,
    [run.integrationId, run.id, spec.entityType],
  );
}

const ID_BYTES = 16;
/** Random bytes for the next ids, each of which is a piece of them. */
let random = Buffer.alloc(0);
/** The millisecond of the id made last, and how many were made in it before. */
let lastTime = 0;
let count = 0;

/**
 * The bytes of a UUID of version 7, with a counter for those of one millisecond: rows that come one after the
 * other stand side by side in an index, which costs less to write.
 */
function newId(): Buffer {
  const now = Date.now();
  count = now === lastTime ? (count + 1) % 4_096 : 0;
  lastTime = now;
  if (random.length === 0) random = randomBytes(ID_BYTES * 256);
  const id = random.subarray(0, ID_BYTES);
  random = random.subarray(ID_BYTES);
  id.writeUIntBE(now, 0, 6);
  id.writeUInt16BE(0x7000 | count, 6);
  id.writeUInt8(0x80 | (id.readUInt8(8) & 0x3f), 8);
  return id;
}

/** Writes the fields of a row as plans have those of somebody new. */
function writerOfFields(spec: EntitySpec): (row: StagedRow) => string {
  const fields = spec.fields.map(({ field, column, kind }) => ({
    key: `,"${field}":`,
    column,
    whenEmpty: kind === 'name' ? '' : null,
  }));
  return ({ values, active, metadata }) => {
    let json = `{"active":${active}`;
    for (const { key, column, whenEmpty } of fields) {
      const value = values[column];
      if (value !== undefined) json += key + JSON.stringify(value ?? whenEmpty);
    }
    return metadata === null ? `${json}}` : `${json},"metadata":${metadata}}`;
  };
}
