import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import type { SyncPolicy } from '../../policy.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { preferHashJoins } from '../sql/joins.js';
import { graceOf, heldByOthers, type Others, valuesOf } from '../sql/others.js';
import { RUN } from '../sql/run-sql.js';
import type { KnownDigests, Staged } from '../stage/index.js';
import { DIGEST_BYTES } from '../stage/index.js';

/** Digests that are sent to the database at once: 800 kB. */
const SLICE = 50_000;

export interface AbsenceOptions {
  run: SyncRun;
  spec: EntitySpec;
  policy: SyncPolicy;
  others: Others;
  staged: Staged;
  /** Whether the reading proves that who was not in it is gone. */
  complete: boolean;
}

/**
 * Those who are mapped and of whom the source did not speak, not even in a row that was kept out. Where the
 * reading proves that they are gone, plans that they count as missing, and once their grace is over, that
 * they are deactivated, unless another integration has them. Returns how many they are, and the number of the
 * last change.
 */
export async function planAbsences(
  database: Database,
  { run, spec, policy, others, staged, complete }: AbsenceOptions,
): Promise<{ missing: number; lastSeq: number }> {
  const { known, matched, lastSeq } = staged;
  // All that the source did not have as it was, it has in another way.
  const isAccountedFor = known.unseenCount === matched.digested && known.undigested === matched.undigested;
  if (known.isWhole && isAccountedFor) return { missing: 0, lastSeq };
  // Nested loops over mappings without statistics cost their square.
  await preferHashJoins(database);
  if (known.isWhole) await writeUnseen(database, known);
  const absent = { run, spec, absent: () => absentFrom(known.isWhole), ids: [] };
  const missing = await countAbsent(database, absent);
  if (missing === 0 || !complete) return { missing, lastSeq };
  const planned = await insertAbsences(database, { ...absent, policy, others, lastSeq });
  return { missing, lastSeq: lastSeq + planned };
}

/**
 * Those who are mapped and of whom the source said, when it was asked for them by name, that it has them no longer.
 * That counts like the absence from a whole reading, of them alone.
 */
export async function planGone(
  database: Database,
  { run, spec, policy, others, staged }: Omit<AbsenceOptions, 'complete'>,
): Promise<{ missing: number; lastSeq: number }> {
  const { gone, lastSeq } = staged;
  if (gone.length === 0) return { missing: 0, lastSeq };
  const absent = (ids: string) => absentFrom(false, `AND m.external_id = ANY(${ids}::text[])`);
  const of = { run, spec, absent, ids: [gone] };
  const missing = await countAbsent(database, of);
  if (missing === 0) return { missing, lastSeq };
  const planned = await insertAbsences(database, { ...of, policy, others, lastSeq });
  return { missing, lastSeq: lastSeq + planned };
}

/**
 * SQL for the mappings of whom the source did not speak; $1 to $3 are the integration, the run and the entity
 * type. `isWhole`: whether all digests are known; then only rows with a digest that was not seen, or with none,
 * can be gone. `among`: a condition more.
 */
function absentFrom(isWhole: boolean, among = ''): string {
  const mapped = (condition: string) => `SELECT m.external_id, m.internal_id, m.missing_runs, m.missing_since
    FROM integration_mappings m ${condition} AND m.integration_id = $1 AND m.entity_type = $3`;
  const candidates = isWhole
    ? `${mapped('JOIN pg_temp.unseen_digests u ON u.digest = m.digest')} UNION ALL ${mapped('WHERE m.digest IS NULL')}`
    : mapped(`WHERE true ${among}`);
  return `SELECT m.* FROM (${candidates}) m
    LEFT JOIN (SELECT DISTINCT s.external_id FROM sync_staged s WHERE ${RUN} AND s.kind <> 'MEMBERSHIP') s
      USING (external_id)
    LEFT JOIN (SELECT DISTINCT external_id COLLATE "C" AS external_id FROM sync_issues
               WHERE integration_id = $1 AND run_id = $2 AND severity = 'ERROR') i USING (external_id)
    WHERE s.external_id IS NULL AND i.external_id IS NULL`;
}

interface Absent {
  run: SyncRun;
  spec: EntitySpec;
  /** SQL for them; `ids` is the parameter of the ids, where there is one. */
  absent: (ids: string) => string;
  /** The value of that parameter; nothing where there is none. */
  ids: readonly (readonly string[])[];
}

async function countAbsent(database: Database, { run, spec, absent, ids }: Absent): Promise<number> {
  const [count] = await database.query<{ missing: number }>(
    `SELECT count(*)::int AS missing FROM (${absent('$4')}) absent`,
    [run.integrationId, run.id, spec.entityType, ...ids],
  );
  return count?.missing ?? 0;
}

/** Plans who is missing, and whose grace is over; returns how many changes that makes, numbered after `lastSeq`. */
async function insertAbsences(
  database: Database,
  {
    run,
    spec,
    absent,
    ids,
    policy,
    others,
    lastSeq,
  }: Absent & Pick<AbsenceOptions, 'policy' | 'others'> & { lastSeq: number },
): Promise<number> {
  const goes = 'over AND active AND NOT held';
  const isAlone = others.ids.length === 0;
  // The ids of who is absent come last, where there are any.
  const held = isAlone
    ? ''
    : `LEFT JOIN (SELECT DISTINCT internal_id FROM (${heldByOthers('$3', 8)}) o) h USING (internal_id)`;
  return database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before,
      after,
       missing_before, missing_after)
     SELECT $1, $2, $5 + row_number() OVER (ORDER BY external_id), $3,
       CASE WHEN ${goes} THEN 'DEACTIVATE' ELSE 'MISSING' END, internal_id, external_id,
       -- Of who is inactive the change says so: he or she does not go by it.
       CASE WHEN NOT active THEN '{"active": false}' WHEN ${goes} THEN '{"active": true}' ELSE '{}' END::jsonb,
       CASE WHEN ${goes} OR NOT active THEN '{"active": false}' ELSE '{}' END::jsonb, missing_runs,
       -- Of whom another integration has, the grace is over by its readings, too, when it is over by its days.
       CASE WHEN over AND held THEN GREATEST(missing_runs, $6) ELSE missing_runs END + 1
     FROM (
       SELECT a.*, COALESCE(t.active, false) AS active, ${isAlone ? 'false' : 'h.internal_id IS NOT NULL'} AS held,
         a.missing_runs >= $6 OR ($7::float8 IS NOT NULL
           AND a.missing_since < now() - make_interval(secs => $7::float8 * 86400)) AS over
       FROM (${absent(isAlone ? '$8' : '$11')}) a ${held}
       LEFT JOIN ${spec.table} t ON t.institution_id = $4 AND t.id = a.internal_id
     ) gone
     -- Who is inactive has nothing more to lose: being missing is noted once. Nor has whom another integration has,
     -- once the grace is over.
     WHERE missing_runs = 0 OR active AND NOT (held AND missing_runs > $6)`,
    [
      run.integrationId,
      run.id,
      spec.entityType,
      run.institutionId,
      lastSeq,
      ...graceOf(policy),
      ...(isAlone ? [] : valuesOf(others)),
      ...ids,
    ],
  );
}

/**
 * Writes the digests that were not seen into a temporary table of the transaction under way, a slice at a
 * time.
 */
async function writeUnseen(database: Database, known: KnownDigests): Promise<void> {
  await database.query('CREATE TEMPORARY TABLE unseen_digests (digest uuid) ON COMMIT DROP');
  for await (const slice of known.unseen(SLICE)) {
    await database.execute(
      `INSERT INTO pg_temp.unseen_digests
       SELECT encode(substring($1::bytea FROM i * 16 + 1 FOR 16), 'hex')::uuid
         FROM generate_series(0, $2::int - 1) AS i`,
      [slice, slice.length / DIGEST_BYTES],
    );
  }
}
