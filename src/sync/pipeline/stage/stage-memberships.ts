import { type MembershipRecord, wholePage } from '../../../connectors/index.js';
import { membershipRole } from '../../../roster/index.js';
import { storableText } from '../../../values/index.js';
import { concludeMemberships, countMembershipPage } from '../../runs/evidence.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { readPages } from '../read/read-pages.js';
import { addPageIssues } from './page-issues.js';
import type { StageOptions } from './stage-options.js';
import { stageMembership } from './stage-record.js';
import type { StagedWriter } from './staged-writer.js';

/** A page that begins with so many rows of another one is that page once more. */
const FIRST_ROWS = 20;

/** What the list of memberships was. */
export interface MembershipList {
  /** Whether the source has such a list at all. */
  isThere: boolean;
  /** Whether it holds some of the memberships on purpose. */
  partial: boolean;
  /** That it is not there, in a sentence that says what to do. */
  absent: string | undefined;
  /** Its rows have numbers above this one. */
  afterSeq: number;
}

/** Reads the list of memberships, checks each row, and writes the good ones to sync_staged. */
export async function stageMemberships(
  { run, source, issues, onPage }: StageOptions,
  writer: StagedWriter,
): Promise<MembershipList> {
  const counts = run.membershipCounts;
  const list: MembershipList = {
    isThere: source.memberships !== undefined,
    partial: false,
    absent: undefined,
    afterSeq: writer.lastSeq,
  };
  const beginnings = new Set<string>();
  for await (const given of readPages(source.memberships ?? noPages())) {
    const page = wholePage(given);
    issues.noteTable(page, { entities: false });
    list.partial ||= page.partial ?? false;
    if (page.absent) {
      list.absent = page.absent;
      continue;
    }
    const beginning = beginningOf(page.records);
    countMembershipPage(run.evidence.memberships, page, beginning !== undefined && beginnings.has(beginning));
    if (beginning !== undefined) beginnings.add(beginning);
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
  return list;
}

/** Concludes whether all memberships were read. Call it once the staged rows are written. */
export async function examineMemberships(options: StageOptions, list: MembershipList): Promise<void> {
  const { run, source } = options;
  const evidence = run.evidence.memberships;
  const twice = evidence.declaredTotal === null ? 0 : await countTwice(options, list);
  concludeMemberships(evidence, { failed: run.membershipCounts.failed, twice, partial: list.partial });
  const role = membershipRole(options.spec);
  if (evidence.gaps.length > (list.partial ? 1 : 0)) delete run.evidence.cursor;
  if (!list.isThere || evidence.rows > 0 || evidence.none || source.partial || role === undefined) return;
  const known = await countListed(options, role);
  if (known === 0) return;
  const what = list.absent ? ` ${storableText(list.absent)}` : '';
  evidence.gaps.push(`The list of memberships is missing or empty, where ${known} are known.${what}`);
}

async function* noPages(): AsyncGenerator<readonly MembershipRecord[]> {}

/**
 * The first rows of a page; undefined of an empty one. Rows of a file have their lines, and are never the
 * same.
 */
function beginningOf(records: readonly MembershipRecord[]): string | undefined {
  if (records.length === 0) return undefined;
  const first = records.slice(0, FIRST_ROWS);
  return JSON.stringify(first.map((row) => [row.groupExternalId, row.personExternalId, row.role, row.line]));
}

/** How many rows of the list say what another one says. */
async function countTwice({ database, run }: StageOptions, { afterSeq }: MembershipList): Promise<number> {
  const [row] = await database.query<{ twice: number }>(
    `SELECT (count(*) - count(DISTINCT (external_id, person_external_id, role)))::int AS twice
      FROM sync_staged
     WHERE integration_id = $1 AND run_id = $2 AND kind = 'MEMBERSHIP' AND seq > $3`,
    [run.integrationId, run.id, afterSeq],
  );
  return row?.twice ?? 0;
}

/**
 * How many memberships there are by this source, where the list ever held any: 0 for a source whose records
 * of entities tell all memberships. Runs of a version before did not note it: they held a list where they
 * read more than this one.
 */
async function countListed(
  { database, run }: { database: StageOptions['database']; run: SyncRun },
  role: string,
): Promise<number> {
  const [row] = await database.query<{ known: number }>(
    `SELECT count(*)::int AS known FROM memberships
     WHERE institution_id = $2 AND integration_id = $1 AND role = $3 AND EXISTS (
       SELECT 1 FROM sync_runs WHERE integration_id = $1 AND entity_type = $4 AND status = 'COMPLETED'
         AND CASE WHEN evidence ? 'memberships' THEN (evidence->'memberships'->>'rows')::int > 0
               ELSE (membership_counts->>'read')::int > $5 END)`,
    [run.integrationId, run.institutionId, role, run.entityType, run.membershipCounts.read],
  );
  return row?.known ?? 0;
}
