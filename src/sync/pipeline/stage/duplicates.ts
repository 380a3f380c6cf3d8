import type { RecordIssue } from '../../../connectors/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { quoted } from '../../../values/index.js';
import { lookUp } from '../sql/joins.js';
import { DIGEST_BYTES } from './digest.js';
import type { KnownDigests } from './known-digests.js';
import type { StageOptions } from './stage-options.js';

/**
 * Keeps the first row of each external id, and makes the others issues that name both lines; returns how
 * many. A row that is active goes before one that is not: who left and came back, or moved to another class, stands
 * in many lists twice, and has not left. `suspects`: all external ids that may have come twice.
 */
export async function dropDuplicates(
  options: StageOptions,
  { file, drafted, suspects }: { file: string | undefined; drafted: boolean; suspects: readonly string[] },
): Promise<number> {
  if (suspects.length === 0) return 0;
  const duplicates = await deleteLaterRows(options, { drafted, suspects });
  for (const { line, firstLine, externalId, isEarlier } of duplicates) {
    const at = { externalId, line, firstLine: firstLine ?? -1, isEarlier };
    await options.issues.add(duplicate(options.spec, file, at));
  }
  return duplicates.length;
}

/** Deletes the rows of these ids but for the one of each that counts; returns where they were. */
async function deleteLaterRows(
  { database, run }: StageOptions,
  { drafted, suspects }: { drafted: boolean; suspects: readonly string[] },
) {
  const table = drafted ? 'sync_changes' : 'sync_staged';
  const isEntity = `s.integration_id = $1 AND s.run_id = $2 AND ${drafted ? `s.entity <> 'MEMBERSHIP'` : `s.kind = 'ENTITY'`}`;
  const active = drafted ? `(s.after->>'active')::boolean` : 's.active';
  return database.query<{
    line: number | null;
    firstLine: number | null;
    externalId: string;
    isEarlier: boolean;
  }>(
    `WITH twice AS (
       SELECT s.external_id, (array_agg(s.seq ORDER BY ${active} DESC, s.seq))[1] AS first_seq FROM ${table} s
       WHERE ${isEntity} AND s.external_id = ANY($3) GROUP BY s.external_id HAVING count(*) > 1),
     dropped AS (
       DELETE FROM ${table} s USING twice
       WHERE ${isEntity} AND s.external_id = twice.external_id AND s.seq <> twice.first_seq
       RETURNING s.seq, s.line, s.external_id, twice.first_seq)
     SELECT d.line, f.line AS "firstLine", d.external_id AS "externalId", d.seq < f.seq AS "isEarlier"
     FROM dropped d
     JOIN ${table} f ON f.integration_id = $1 AND f.run_id = $2 AND f.seq = d.first_seq ORDER BY d.seq`,
    [run.integrationId, run.id, suspects],
  );
}

/** What `matchStaged` would find where nobody is known. */
export function newcomers(count: number) {
  return { duplicates: 0, removed: 0, staged: count, fresh: count, matched: { digested: 0, undigested: 0 } };
}

/** Staged rows whose digests come at once: 160 kB, which are looked through in some milliseconds. */
const SLICE = 10_000;

/**
 * Lays what was staged beside the mappings. A row that went no further because it is known, and a staged row
 * with the same id, are duplicates too: the active one counts, or else the first. `rows`: no staged row has a higher number. `slice`:
 * rows at once. Call it in a transaction.
 */
export async function matchStaged(
  options: StageOptions,
  known: KnownDigests,
  { rows, file, slice = SLICE }: { rows: number; file: string | undefined; slice?: number },
) {
  const { database, run } = options;
  const values = [run.integrationId, run.id, run.entityType];
  const joined = `FROM sync_staged s
    LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3
      AND m.external_id = s.external_id
    WHERE s.integration_id = $1 AND s.run_id = $2 AND s.kind = 'ENTITY'`;
  await lookUp(database, { rows, among: known.mapped }, () =>
    database.query(
      `DECLARE staged_digests NO SCROLL CURSOR FOR
       SELECT count(*)::int AS staged, count(m.internal_id)::int AS mapped,
         string_agg(uuid_send(m.digest), ''::bytea) AS digests
       ${joined} GROUP BY s.seq / ${slice} ORDER BY s.seq / ${slice}`,
      values,
    ),
  );
  const total = { staged: 0, mapped: 0, digested: 0, duplicates: 0, removed: 0 };
  for (;;) {
    const [next] = await database.query<{ staged: number; mapped: number; digests: Buffer | null }>(
      'FETCH 1 FROM staged_digests',
    );
    if (!next) break;
    const digests = next.digests ?? Buffer.alloc(0);
    total.staged += next.staged;
    total.mapped += next.mapped;
    total.digested += digests.length / DIGEST_BYTES;
    const twice = seenAmong(digests, known);
    if (twice.length === 0) continue;
    const { duplicates, removed } = await dropSeen(options, { known, file, joined, values, twice });
    total.duplicates += duplicates;
    total.removed += removed;
  }
  await database.query('CLOSE staged_digests');
  const { staged, mapped, digested, duplicates, removed } = total;
  return {
    duplicates,
    removed,
    staged: staged - duplicates,
    fresh: staged - mapped,
    matched: { digested: digested - duplicates, undigested: mapped - digested },
  };
}

/** Those of some digests of which a row was seen, as text. */
function seenAmong(digests: Buffer, known: KnownDigests): string[] {
  const seen: string[] = [];
  for (let offset = 0; offset < digests.length; offset += DIGEST_BYTES) {
    if (known.lineOf(digests, offset) !== 0)
      seen.push(digests.toString('hex', offset, offset + DIGEST_BYTES));
  }
  return seen;
}

async function dropSeen(
  { database, run, spec, issues }: StageOptions,
  given: {
    known: KnownDigests;
    file: string | undefined;
    joined: string;
    values: unknown[];
    twice: string[];
  },
): Promise<{ duplicates: number; removed: number }> {
  const { known, file, joined, values, twice } = given;
  const rows = await database.query<{
    seq: number;
    line: number | null;
    externalId: string;
    digest: Buffer;
    active: boolean;
    wasActive: boolean;
  }>(
    `WITH r AS (
       SELECT s.seq, s.line, s.external_id, m.digest, COALESCE(s.active, true) AS active, m.internal_id ${joined} AND m.digest = ANY($4::uuid[]))
     SELECT r.seq, r.line, r.external_id AS "externalId", uuid_send(r.digest) AS digest, r.active,
       COALESCE(t.active, true) AS "wasActive"
     FROM r LEFT JOIN ${spec.table} t ON t.institution_id = $5 AND t.id = r.internal_id ORDER BY r.seq`,
    [...values, twice, run.institutionId],
  );
  const superfluous: number[] = [];
  for (const { seq, line, externalId, digest, active, wasActive } of rows) {
    const seenAt = known.lineOf(digest, 0);
    const isFirst = line !== null && seenAt > 0 && line < seenAt;
    // The row that is known says what the roster has.
    const counts = isFirst ? active || !wasActive : active && !wasActive;
    if (!counts) superfluous.push(seq);
    await issues.add(
      duplicate(
        spec,
        file,
        counts
          ? { externalId, line: seenAt, firstLine: line ?? -1, isEarlier: !isFirst }
          : { externalId, line, firstLine: seenAt, isEarlier: isFirst },
      ),
    );
  }
  await database.execute(
    'DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $2 AND seq = ANY($3::int[])',
    [run.integrationId, run.id, superfluous],
  );
  return { duplicates: rows.length, removed: superfluous.length };
}

/** A row that does not count. `isEarlier`: it stands above the one that does, which goes before it as it is active. */
export function duplicate(
  spec: EntitySpec,
  file: string | undefined,
  at: { externalId: string; line: number | null; firstLine: number; isEarlier?: boolean },
): RecordIssue {
  const { externalId, line, firstLine, isEarlier } = at;
  const where = firstLine < 1 ? 'came once more' : `is on line ${firstLine} too`;
  const first = firstLine < 1 ? 'was already read' : `is already on line ${firstLine}`;
  const why = isEarlier ? `${where}, where it is active; that one counts` : `${first}; the first one counts`;
  return {
    severity: 'error',
    rule: 'id.duplicate',
    problem: `${spec.noun} id ${quoted(externalId)} ${why}`,
    file,
    line: line === null || line < 1 ? undefined : line,
    value: externalId,
    hint: 'Remove one of the two rows, or give each its own id.',
    externalId,
  };
}
