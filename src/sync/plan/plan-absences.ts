import type { Database } from '../../database/index.js';
import type { EntitySpec } from '../entity-spec.js';
import type { SyncPolicy } from '../policy.js';
import { DIGEST_BYTES } from '../stage/digest.js';
import type { Staged } from '../stage.js';
import type { SyncRun } from '../sync-run.js';
import { RUN } from './run-sql.js';

export interface AbsenceOptions {
  run: SyncRun;
  spec: EntitySpec;
  policy: SyncPolicy;
  staged: Staged;
  /** Whether the reading proves that who was not in it is gone. */
  complete: boolean;
}

/**
 * Those who are mapped and of whom the source did not speak, not even in a row that was kept out. Where the reading
 * proves that they are gone, plans that they count as missing, and once their grace is over, that they are deactivated.
 * Returns how many they are, and the number of the last change.
 */
export async function planAbsences(
  database: Database,
  { run, spec, policy, staged, complete }: AbsenceOptions,
): Promise<{ missing: number; lastSeq: number }> {
  const { known, matched, lastSeq } = staged;
  const unseen = known.unseen();
  // All that the source did not have as it was, it has in another way.
  const isAccountedFor = unseen.length / DIGEST_BYTES === matched.digested && known.undigested === matched.undigested;
  if (known.isWhole && isAccountedFor) return { missing: 0, lastSeq };
  // Where all digests are known, only rows with a digest that was not seen, or with none, can be gone.
  const candidates = known.isWhole
    ? `AND (m.digest IS NULL OR m.digest IN (
         SELECT encode(substring($4::bytea FROM i * 16 + 1 FOR 16), 'hex')::uuid FROM generate_series(0, length($4::bytea) / 16 - 1) AS i))`
    : 'AND length($4::bytea) >= 0';
  const absent = `SELECT m.external_id, m.internal_id, m.missing_runs, m.missing_since FROM integration_mappings m
    LEFT JOIN (SELECT DISTINCT s.external_id FROM sync_staged s WHERE ${RUN} AND s.kind <> 'MEMBERSHIP') s USING (external_id)
    LEFT JOIN (SELECT DISTINCT external_id COLLATE "C" AS external_id FROM sync_issues
               WHERE integration_id = $1 AND run_id = $2 AND severity = 'ERROR') i USING (external_id)
    WHERE m.integration_id = $1 AND m.entity_type = $3 AND s.external_id IS NULL AND i.external_id IS NULL ${candidates}`;
  const values: unknown[] = [run.integrationId, run.id, spec.entityType, unseen];
  const [count] = await database.query<{ missing: number }>(`SELECT count(*)::int AS missing FROM (${absent}) absent`, values);
  const missing = count?.missing ?? 0;
  if (missing === 0 || !complete) return { missing, lastSeq };
  const planned = await database.execute(
    `INSERT INTO sync_changes (integration_id, run_id, seq, entity, action, internal_id, external_id, before, after,
       missing_before, missing_after)
     SELECT $1, $2, $6 + row_number() OVER (ORDER BY external_id), $3,
       CASE WHEN over AND active THEN 'DEACTIVATE' ELSE 'MISSING' END, internal_id, external_id,
       CASE WHEN over AND active THEN '{"active": true}' ELSE '{}' END::jsonb,
       CASE WHEN over AND active THEN '{"active": false}' ELSE '{}' END::jsonb, missing_runs, missing_runs + 1
     FROM (
       SELECT a.*, COALESCE(t.active, false) AS active,
         a.missing_runs >= $7 OR ($8::float8 IS NOT NULL AND a.missing_since < now() - make_interval(secs => $8::float8 * 86400)) AS over
       FROM (${absent}) a LEFT JOIN ${spec.table} t ON t.institution_id = $5 AND t.id = a.internal_id
     ) gone
     -- Who is inactive has nothing more to lose: being missing is noted once.
     WHERE active OR missing_runs = 0`,
    [...values, run.institutionId, lastSeq, policy.graceRuns, policy.graceDays ?? null],
  );
  return { missing, lastSeq: lastSeq + planned };
}
