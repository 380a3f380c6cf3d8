import type { MembershipRecord, Pages, RecordIssue, RecordPage, RecordSource } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import type { EntitySpec } from './entity-spec.js';
import type { IssueLog } from './issue-log.js';
import { preferHashJoins } from './prefer-hash-joins.js';
import { readPages } from './read.js';
import { quoted } from './stage/clean-value.js';
import { digestKey } from './stage/digest.js';
import { KnownDigests } from './stage/known-digests.js';
import { type EntityRecord, stageMembership, stageRecord } from './stage/stage-record.js';
import { StagedWriter } from './stage/staged-writer.js';
import type { SyncRun } from './sync-run.js';

export interface StageOptions {
  database: Database;
  run: SyncRun;
  spec: EntitySpec;
  source: RecordSource;
  issues: IssueLog;
  /** Called after each page; the run is to stop when it throws. */
  onPage: () => Promise<void>;
}

/** What was staged. */
export interface Staged {
  /** Good rows: those in sync_staged, and those that are known and went no further. */
  entities: number;
  /** The digests that were known before the run, with what the source still has of them. */
  known: KnownDigests;
  /** The fields that the source has at all. */
  provided: ReadonlySet<string>;
  /** Where the entities came from, for the words of issues. */
  file: string | undefined;
}

/** The first two rooms: reads the source page by page, cleans and checks each row, and writes the good ones to sync_staged. */
export async function stage(options: StageOptions): Promise<Staged> {
  const { database, run, spec, source, issues } = options;
  const valueColumns = spec.fields.map(({ column }) => column);
  const writer = new StagedWriter({ database, integrationId: run.integrationId, runId: run.id, valueColumns });
  const provided = new Set<string>();
  const key = digestKey(run.integrationId);
  const known = await KnownDigests.load(database, run, spec);
  let file: string | undefined;
  let entities = 0;

  for await (const page of readPages(source.entities as Pages<EntityRecord>)) {
    file = page.file ?? file;
    run.counts.read += page.records.length;
    run.counts.failed += await addPageIssues(page, issues, run.counts);
    for (const record of page.records) {
      const staged = stageRecord(spec, record, page, provided, key);
      for (const issue of staged.issues) await issues.add(issue);
      const { row } = staged;
      const seen = row?.digest ? known.see(row.digest, row.line) : 'unknown';
      if (typeof seen === 'number' && row) await issues.add(duplicate(spec, page.file, row.externalId, row.line, seen));
      if (!row || typeof seen === 'number') {
        run.counts.failed += 1;
        continue;
      }
      entities += 1;
      if (seen === 'unknown') {
        const full = writer.write(row);
        if (full) await full;
      }
      if (staged.membership) {
        run.membershipCounts.read += 1;
        await writer.write(staged.membership);
      }
    }
    run.counts.warnings = issues.warnings;
    await options.onPage();
  }
  if (source.memberships) await stageMemberships(options, source.memberships, writer);
  await writer.flush();
  const duplicates = await database.transaction(async () => {
    await preferHashJoins(database, run);
    return (await dropDuplicates(options, file)) + (await dropSeen(options, known, file));
  });
  run.counts.failed += duplicates;
  await issues.flush();
  return { entities: entities - duplicates, provided, file, known };
}

async function stageMemberships(
  { run, issues, onPage }: StageOptions,
  pages: Pages<MembershipRecord>,
  writer: StagedWriter,
): Promise<void> {
  const counts = run.membershipCounts;
  for await (const page of readPages(pages)) {
    counts.read += page.records.length;
    counts.failed += await addPageIssues(page, issues, counts);
    for (const record of page.records) {
      const staged = stageMembership(record, page);
      for (const issue of staged.issues) await issues.add(issue);
      if (staged.row) await writer.write(staged.row);
      else counts.failed += 1;
    }
    await onPage();
  }
}

/** Issues that the connector found itself. Its errors are rows that it read and could not use; returns how many. */
async function addPageIssues(page: RecordPage<unknown>, issues: IssueLog, counts: { read: number }): Promise<number> {
  let failed = 0;
  for (const issue of page.issues ?? []) {
    await issues.add({ file: page.file, ...issue });
    if (issue.severity === 'error') failed += 1;
  }
  counts.read += failed;
  return failed;
}

/** Keeps the first row of each external id, and makes the others issues that name both lines; returns how many. */
async function dropDuplicates({ database, run, spec, issues }: StageOptions, file: string | undefined): Promise<number> {
  const key = [run.integrationId, run.id];
  const duplicates = await database.query<{ line: number | null; firstLine: number | null; externalId: string }>(
    `WITH twice AS (
       SELECT external_id, min(seq) AS first_seq FROM sync_staged
       WHERE integration_id = $1 AND run_id = $2 AND kind = 'ENTITY' GROUP BY external_id HAVING count(*) > 1),
     dropped AS (
       DELETE FROM sync_staged s USING twice
       WHERE s.integration_id = $1 AND s.run_id = $2 AND s.kind = 'ENTITY' AND s.external_id = twice.external_id AND s.seq > twice.first_seq
       RETURNING s.seq, s.line, s.external_id, twice.first_seq)
     SELECT d.line, f.line AS "firstLine", d.external_id AS "externalId" FROM dropped d
     JOIN sync_staged f ON f.integration_id = $1 AND f.run_id = $2 AND f.seq = d.first_seq ORDER BY d.seq`,
    key,
  );
  for (const { line, firstLine, externalId } of duplicates) {
    await issues.add(duplicate(spec, file, externalId, line, firstLine ?? -1));
  }
  return duplicates.length;
}

/**
 * A row that went no further because it is known, and a staged row with the same id, are duplicates too: the first counts.
 * Returns how many rows that makes one too many.
 */
async function dropSeen(
  { database, run, spec, issues }: StageOptions,
  known: KnownDigests,
  file: string | undefined,
): Promise<number> {
  if (known.seen === 0) return 0;
  const rows = await database.query<{ seq: number; line: number | null; externalId: string; digest: string }>(
    `SELECT s.seq, s.line, s.external_id AS "externalId", replace(m.digest::text, '-', '') AS digest FROM sync_staged s
     JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3 AND m.external_id = s.external_id
     WHERE s.integration_id = $1 AND s.run_id = $2 AND s.kind = 'ENTITY' AND m.digest IS NOT NULL ORDER BY s.seq`,
    [run.integrationId, run.id, run.entityType],
  );
  const superfluous: number[] = [];
  let duplicates = 0;
  for (const { seq, line, externalId, digest } of rows) {
    const seenAt = known.lineOf(digest);
    if (seenAt === 0) continue;
    duplicates += 1;
    const stagedFirst = line !== null && seenAt > 0 && line < seenAt;
    if (!stagedFirst) superfluous.push(seq);
    await issues.add(
      stagedFirst ? duplicate(spec, file, externalId, seenAt, line) : duplicate(spec, file, externalId, line, seenAt),
    );
  }
  if (superfluous.length > 0) {
    await database.execute('DELETE FROM sync_staged WHERE integration_id = $1 AND run_id = $2 AND seq = ANY($3::int[])', [
      run.integrationId,
      run.id,
      superfluous,
    ]);
  }
  return duplicates;
}

function duplicate(
  spec: EntitySpec,
  file: string | undefined,
  externalId: string,
  line: number | null,
  firstLine: number,
): RecordIssue {
  const first = firstLine < 1 ? 'was already read' : `is already on line ${firstLine}`;
  return {
    severity: 'error',
    rule: 'id.duplicate',
    problem: `${spec.noun} id ${quoted(externalId)} ${first}; the first one counts`,
    file,
    line: line === null || line < 1 ? undefined : line,
    value: externalId,
    hint: 'Remove one of the two rows, or give each its own id.',
    externalId,
  };
}
