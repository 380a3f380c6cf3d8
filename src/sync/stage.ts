import type { MembershipRecord, Pages, RecordPage, RecordSource } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import type { EntitySpec } from './entity-spec.js';
import type { IssueLog } from './issue-log.js';
import { preferHashJoins } from './prefer-hash-joins.js';
import { readPages } from './read.js';
import { quoted } from './stage/clean-value.js';
import { digestKey } from './stage/digest.js';
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
  /** Rows of entities that stand in sync_staged. */
  entities: number;
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
  let file: string | undefined;
  let entities = 0;

  for await (const page of readPages(source.entities as Pages<EntityRecord>)) {
    file = page.file ?? file;
    run.counts.read += page.records.length;
    run.counts.failed += await addPageIssues(page, issues, run.counts);
    for (const record of page.records) {
      const staged = stageRecord(spec, record, page, provided, key);
      for (const issue of staged.issues) await issues.add(issue);
      if (staged.row) {
        entities += 1;
        const full = writer.write(staged.row);
        if (full) await full;
      } else run.counts.failed += 1;
      if (staged.row && staged.membership) {
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
    return dropDuplicates(options, file);
  });
  run.counts.failed += duplicates;
  await issues.flush();
  return { entities: entities - duplicates, provided, file };
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
    const first = firstLine === null ? 'was already read' : `is already on line ${firstLine}`;
    await issues.add({
      severity: 'error',
      rule: 'id.duplicate',
      problem: `${spec.noun} id ${quoted(externalId)} ${first}; the first one counts`,
      file,
      line: line ?? undefined,
      value: externalId,
      hint: 'Remove one of the two rows, or give each its own id.',
      externalId,
    });
  }
  return duplicates.length;
}
