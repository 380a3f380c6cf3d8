import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { DIGEST_BYTES } from './digest.js';
import { FORGOTTEN, KnownDigests, type MappingCounts } from './known-digests.js';

/** So many digests may come in one row: the database has its bytes in memory some times over. */
const ONE_ROW = 2_000_000;
/** No mapping takes less on disk: so many bytes hold ONE_ROW of them at most. */
const MAPPING_BYTES = 120;

/**
 * The digests of the run's integration and entity type. None where an unchanged row may still change by what
 * it refers to.
 */
export async function loadKnownDigests(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
): Promise<KnownDigests> {
  const { known, forgotten } = await readKnown(database, run, spec);
  if (forgotten === 0) return known;
  // Marks of the time before this run have done their work. Those that come from now on outlast it.
  await database.execute(
    'UPDATE integration_mappings SET digest = NULL WHERE integration_id = $1 AND entity_type = $2 AND digest = $3',
    [run.integrationId, spec.entityType, FORGOTTEN],
  );
  return (await readKnown(database, run, spec)).known;
}

interface Read {
  known: KnownDigests;
  forgotten: number;
}

async function readKnown(database: Database, run: SyncRun, spec: EntitySpec): Promise<Read> {
  // Groups may change by their courses.
  if (spec.table === 'groups') return tableFor(await countMappings(database, run, spec), false);
  if (await fitInOneRow(database)) return readAtOnce(database, run, spec);
  return database.transaction(async () => {
    // What is counted must be what is then read.
    await database.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    const read = tableFor(await countMappings(database, run, spec), true);
    if (read.known.size === 0) return read;
    const groups = read.known.size > ONE_ROW ? 'GROUP BY get_byte(uuid_send(digest), 1)' : '';
    await copyDigests(database, run, spec, { groups, counted: () => read.known });
    return read;
  });
}

/** Reads in one statement, with one look at the mappings. */
async function readAtOnce(database: Database, run: SyncRun, spec: EntitySpec): Promise<Read> {
  let read: Read | undefined;
  await copyDigests(database, run, spec, {
    counted: (counts) => {
      read = tableFor(counts, true);
      return read.known;
    },
  });
  if (!read) throw new Error('the database counted no mappings');
  return read;
}

function tableFor({ digested, mapped, undigested, forgotten }: MappingCounts, isWhole: boolean): Read {
  return { known: new KnownDigests(isWhole ? digested : 0, isWhole, mapped, undigested), forgotten };
}

/** In the order in which COPY sends them. */
const COUNTS = [
  ['digested', 'count(digest)::int'],
  ['mapped', '(count(*) FILTER (WHERE missing_runs = 0))::int'],
  ['undigested', '(count(*) FILTER (WHERE digest IS NULL))::int'],
  ['forgotten', `(count(*) FILTER (WHERE digest = '${FORGOTTEN}'))::int`],
] as const;

async function countMappings(database: Database, run: SyncRun, spec: EntitySpec): Promise<MappingCounts> {
  const [row] = await database.query<MappingCounts>(
    `SELECT ${COUNTS.map(([name, count]) => `${count} AS ${name}`).join(', ')}
     FROM integration_mappings
     WHERE integration_id = $1 AND entity_type = $2`,
    [run.integrationId, spec.entityType],
  );
  return row ?? { digested: 0, mapped: 0, undigested: 0, forgotten: 0 };
}

/** Whether all mappings there are, of all schools, are few enough for one row: by the size of their table. */
async function fitInOneRow(database: Database): Promise<boolean> {
  const [row] = await database.query<{ fits: boolean }>(
    `SELECT pg_relation_size('integration_mappings') <= $1::bigint AS fits`,
    [ONE_ROW * MAPPING_BYTES],
  );
  return row?.fits === true;
}

/** Hands the digests to the table that `counted` returns. COPY sends a message a row: so many come in each. */
async function copyDigests(
  database: Database,
  run: SyncRun,
  spec: EntitySpec,
  { groups = '', counted }: { groups?: string; counted: (counts: MappingCounts) => KnownDigests },
): Promise<void> {
  // COPY takes no parameters: the ids are UUIDs that the database itself gave us.
  await database.copyOut(
    `COPY (
       SELECT ${COUNTS.map(([, count]) => count).join(', ')}, string_agg(uuid_send(digest), ''::bytea)
       FROM integration_mappings
       WHERE integration_id = '${run.integrationId}' AND entity_type = '${spec.entityType}'
       ${groups}
     ) TO STDOUT (FORMAT binary)`,
    readCopy(counted),
  );
}

/** Signature, flags, and the length of an extension that PostgreSQL does not make. */
const COPY_HEADER = 19;
/** Of a row: how many fields (-1 at the end), the counts with the length of each, the length of the digests. */
const COPY_ROW = 2 + COUNTS.length * 8 + 4;

/** Takes the pieces of a binary COPY of rows of counts and digests. */
function readCopy(counted: (counts: MappingCounts) => KnownDigests): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let skip = COPY_HEADER;
  let known: KnownDigests | undefined;
  /** Bytes of digests of the row that are still to come. */
  let ofRow = 0;
  return (piece) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
    let at = Math.min(skip, bytes.length);
    skip -= at;
    for (;;) {
      if (known) {
        for (; ofRow > 0 && at + DIGEST_BYTES <= bytes.length; at += DIGEST_BYTES, ofRow -= DIGEST_BYTES)
          known.insert(bytes, at);
      }
      if (ofRow > 0 || at + COPY_ROW > bytes.length) break;
      known = counted(countsAt(bytes, at));
      // No digest at all is null, of length -1.
      ofRow = Math.max(0, bytes.readInt32BE(at + COPY_ROW - 4));
      at += COPY_ROW;
    }
    rest = Buffer.from(bytes.subarray(at));
  };
}

function countsAt(bytes: Buffer, row: number): MappingCounts {
  const counts = COUNTS.map(([name], nth) => [name, bytes.readInt32BE(row + 2 + nth * 8 + 4)]);
  return Object.fromEntries(counts) as MappingCounts;
}
