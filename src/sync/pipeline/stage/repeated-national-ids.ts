import type { RecordIssue } from '../../../connectors/index.js';
import type { Database } from '../../../database/index.js';
import type { EntitySpec } from '../../../roster/index.js';
import { isIdentifying, quoted } from '../../../values/index.js';
import type { IssueLog } from '../../issues/index.js';
import type { SyncRun } from '../../runs/sync-run.js';

/**
 * Warns of each good row whose national id another row of the same reading has, naming both lines. Such rows
 * go without their digest, so that the next sync says it again. `drafted`: the rows are in the plan already.
 * `suspects`: national ids that may have come twice.
 */
export async function warnOfRepeatedNationalIds(options: {
  database: Database;
  run: SyncRun;
  spec: EntitySpec;
  issues: IssueLog;
  file: string | undefined;
  drafted: boolean;
  suspects: readonly string[];
}): Promise<void> {
  const { spec, issues, file } = options;
  const suspects = options.suspects.filter(isIdentifying);
  if (suspects.length === 0) return;
  const rows = await forgetDigestsOfSame({ ...options, suspects });
  for (const { firstLine: ownerLine, firstId: ownerId, ...row } of rows) {
    await issues.add(repeatedNationalId(spec, { file, ...row, ownerId, ownerLine }));
  }
}

/** Takes the digests from rows that have a national id in common; returns those that are not the first with it. */
async function forgetDigestsOfSame(options: {
  database: Database;
  run: SyncRun;
  drafted: boolean;
  suspects: readonly string[];
}) {
  const { database, run, drafted, suspects } = options;
  const table = drafted ? 'sync_changes' : 'sync_staged';
  const nationalId = drafted ? `s.after->>'nationalId'` : 's.national_id';
  const isEntity = `s.integration_id = $1 AND s.run_id = $2 AND ${drafted ? `s.entity <> 'MEMBERSHIP'` : `s.kind = 'ENTITY'`}`;
  return database.query<{
    line: number | null;
    externalId: string;
    nationalId: string;
    firstLine: number | null;
    firstId: string;
  }>(
    `WITH same AS MATERIALIZED (
       SELECT s.seq, s.line, s.external_id, ${nationalId} AS national_id, count(*) OVER of_id AS times,
         row_number() OVER (of_id ORDER BY s.seq) AS place,
           first_value(s.line) OVER (of_id ORDER BY s.seq) AS first_line,
         first_value(s.external_id) OVER (of_id ORDER BY s.seq) AS first_id
       FROM ${table} s WHERE ${isEntity} AND ${nationalId} = ANY($3::text[])
         WINDOW of_id AS (PARTITION BY ${nationalId})
     ), undigested AS (
       UPDATE ${table} s SET digest = NULL FROM same
         WHERE ${isEntity} AND s.seq = same.seq AND same.times > 1)
     SELECT line, external_id AS "externalId", national_id AS "nationalId", first_line AS "firstLine",
       first_id AS "firstId"
     FROM same WHERE place > 1 ORDER BY seq`,
    [run.integrationId, run.id, suspects],
  );
}

/** The warning for a row with the national id of another row. */
export function repeatedNationalId(
  { noun }: EntitySpec,
  row: {
    file: string | undefined;
    line: number | null;
    externalId: string;
    nationalId: string;
    ownerId: string;
    ownerLine: number | null;
  },
): RecordIssue {
  const { file, line, externalId, nationalId, ownerId, ownerLine } = row;
  const where = ownerLine === null ? '' : ` on line ${ownerLine}`;
  return {
    severity: 'warning',
    rule: 'national_id.duplicate',
    problem: `${noun} ${quoted(externalId)} has the national id ${quoted(nationalId)} of ${noun} ${quoted(ownerId)}${where}`,
    file,
    line: line ?? undefined,
    value: nationalId,
    hint: 'If the two are one person, remove one of the two rows; else correct the national id.',
    externalId,
  };
}
