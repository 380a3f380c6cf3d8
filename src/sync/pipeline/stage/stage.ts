import {
  type FingerprintedPage,
  MappingEntityType,
  type Pages,
  type RecordPage,
} from '../../../connectors/index.js';
import { cleanExternalId, storableText } from '../../../values/index.js';
import { concludeEvidence, countPage } from '../../runs/evidence.js';
import type { SyncRun } from '../../runs/sync-run.js';
import { readMeanwhile, readPages, SourceFailure } from '../read/read-pages.js';
import { preferHashJoins } from '../sql/joins.js';
import { comparisonOf, DIGEST_BYTES, digestKey, digestOf, digestsOf } from './digest.js';
import { canDraft } from './drafts.js';
import { dropDuplicates, duplicate, matchStaged, newcomers } from './duplicates.js';
import { KnownDigests } from './known-digests.js';
import { loadKnownDigests } from './load-digests.js';
import { addPageIssues } from './page-issues.js';
import { warnOfRepeatedNationalIds } from './repeated-national-ids.js';
import { Repeats } from './repeats.js';
import { examineMemberships, stageMemberships } from './stage-memberships.js';
import type { StageOptions } from './stage-options.js';
import { type EntityRecord, ownMembership, ProvidedFields, stageRecord } from './stage-record.js';
import { StagedWriter } from './staged-writer.js';

/** What was staged. */
export interface Staged {
  /** Whether entities are in the plan already, because nobody was known. */
  drafted: boolean;
  /** Good rows: those in sync_staged, and those that are known and went no further. */
  entities: number;
  /** The digests that were known before the run, with what the source still has of them. */
  known: KnownDigests;
  /** The fields that the source has at all. */
  provided: ReadonlySet<string>;
  /** Whether the source holds only some of the entities: the others have not vanished. */
  partial: boolean;
  /** Of a partial reading: ids that the source was asked for, and has no longer. */
  gone: readonly string[];
  /** Where the entities came from, for the words of issues. */
  file: string | undefined;
  /** No staged row has a higher number. */
  lastSeq: number;
  /** Rows that are in sync_staged, memberships and drafts included. */
  rows: number;
  /** Whether a warning dropped a value of any row. */
  hasDropped: boolean;
  /** Entities in sync_staged or drafted, and how many of them have no mapping yet. */
  staged: number;
  fresh: number;
  /** Of those that have one: how many of the mappings have a digest, and how many have none. */
  matched: { digested: number; undigested: number };
}

/**
 * Reads and stages: reads the source page by page, cleans and checks each row, and writes the good ones to
 * sync_staged.
 */
export async function stage(options: StageOptions): Promise<Staged> {
  const { database, lease, run, spec, source } = options;
  const drafted = !source.partial && (await canDraft(database, run, spec));
  const writer = new StagedWriter({ database, lease, run, spec, drafts: drafted });
  try {
    return { drafted, ...(await stageAll(options, writer, drafted)) };
  } catch (cause) {
    await writer.settle();
    // A run that was lost leaves its rows to the process that has it now.
    if (!lease.signal.aborted) {
      await lease.transaction(() =>
        database.execute('DELETE FROM sync_changes WHERE integration_id = $1 AND run_id = $2', [
          run.integrationId,
          run.id,
        ]),
      );
    }
    throw cause;
  }
}

async function stageAll(
  options: StageOptions,
  writer: StagedWriter,
  drafted: boolean,
): Promise<Omit<Staged, 'drafted'>> {
  const { database, run, spec, source, issues } = options;
  const provided = new ProvidedFields(spec);
  const key = digestKey(run.integrationId, options.policy.fields[spec.entityType]);
  const [known, pages] = await readMeanwhile(readPages(source.entities as Pages<EntityRecord>), async () =>
    // For a few records it is not worth while to know all digests.
    source.partial || drafted ? KnownDigests.none() : loadKnownDigests(database, run, spec),
  );
  run.evidence.comparedBy = comparisonOf(run.integrationId, options.policy.fields[spec.entityType]);
  let partial = source.partial ?? false;
  const gone: string[] = [];
  let absent: string | undefined;
  let file: string | undefined;
  let entities = 0;
  /** Whether the groups came from a list before; known once a page says that the list is not there. */
  let groupsListed: boolean | undefined;
  const externalIds = new Repeats();
  const nationalIds = new Repeats();

  /**
   * Takes the rows of a page that are not known. `digestFor`: undefined for a row that must be looked at
   * every time.
   */
  const takePage = async (
    page: RecordPage<EntityRecord>,
    digestFor: (record: EntityRecord) => Buffer | undefined,
  ) => {
    issues.noteTable(page, { entities: true });
    partial ||= page.partial ?? false;
    if (page.gone) gone.push(...page.gone);
    run.counts.failed += await addPageIssues(page, issues, run.counts);
    if (page.groupsAbsent !== undefined && groupsListed === undefined) {
      groupsListed = await broughtByList(options, MappingEntityType.GROUP);
      if (groupsListed) run.evidence.memberships.gaps.push(storableText(page.groupsAbsent));
    }
    const namesGroups = page.groupsAbsent !== undefined && !groupsListed;
    for (const record of page.records) {
      provided.note(record);
      // Such a record is asked about every time.
      const digest = record.activeWhenNew === undefined ? digestFor(record) : undefined;
      // What the row says, as it is written: a row that is known is not even cleaned.
      const seen = digest === undefined ? 'unknown' : known.see(digest, 0, record.line ?? null);
      if (seen === 'unknown') {
        const { row, issues: found } = stageRecord(spec, record, page, digest);
        for (const issue of found) await issues.add(issue);
        if (!row) {
          run.counts.failed += 1;
          if (typeof cleanExternalId(record.externalId) !== 'string') run.evidence.unidentifiedRows += 1;
          // Its membership is not read either, and has not ended.
          if (ownMembership(record, page, namesGroups)) {
            run.membershipCounts.read += 1;
            run.membershipCounts.failed += 1;
          }
          continue;
        }
        externalIds.note(row.externalId);
        if (row.values.national_id) nationalIds.note(row.values.national_id);
        const full = writer.write(row);
        if (full) await full;
      } else if (seen !== 'first') {
        await takeDuplicate(record, page.file, seen);
        continue;
      }
      entities += 1;
      const membership = ownMembership(record, page, namesGroups);
      if (membership) {
        run.membershipCounts.read += 1;
        await writer.write(membership);
      }
    }
  };
  const takeDuplicate = async (
    { externalId, line, cells }: EntityRecord,
    from: string | undefined,
    firstLine: number,
  ) => {
    const at = { externalId: String(externalId).trim(), line: line ?? null, firstLine };
    await issues.add({ ...duplicate(spec, from, at), cells });
    run.counts.failed += 1;
    run.evidence.idsUnique = false;
  };

  for await (const page of pages) {
    if ('absent' in page && page.absent) {
      run.evidence.found = page.records.length > 0 && !(await broughtByList(options, run.entityType));
      absent = run.evidence.found ? undefined : page.absent;
      // Whoever asks for this one list wants it; a sync of everything does what is there.
      if (absent && run.parentId === null) throw new SourceFailure(absent);
      if (absent) continue;
    }
    file = page.file ?? file;
    if ('fingerprints' in page) {
      const { fresh, digests, twice } = sift(page, known, key);
      for (const { position, firstLine } of twice) {
        for (const record of page.read([position]).records) await takeDuplicate(record, page.file, firstLine);
      }
      const knownRows = page.lines.length - fresh.length - twice.length;
      const read = page.read(fresh);
      countPage(run.evidence, read, knownRows + twice.length);
      run.counts.read += read.records.length + knownRows + twice.length;
      entities += knownRows;
      // A row that gave rise to a word is looked at every time, or the word would be said only once.
      const noted = new Set(read.issues?.map(({ line }) => line));
      await takePage(read, ({ line }) => (noted.has(line) ? undefined : digests.get(line ?? 0)));
    } else {
      countPage(run.evidence, page);
      run.counts.read += page.records.length;
      await takePage(page, (record) => digestOf(key, spec, record));
    }
    run.counts.warnings = issues.warnings;
    await options.onPage();
  }
  partial ||= absent !== undefined;
  const ofMemberships = await stageMemberships(options, writer);
  await writer.flush();
  const found = await issues.mark();
  const match = await options.lease.transaction(async () => {
    // The database may let others go first, and this be done again.
    await issues.rewind(found);
    await preferHashJoins(database);
    const twice = await dropDuplicates(options, { file, drafted, suspects: externalIds.suspects });
    await warnOfRepeatedNationalIds({
      database,
      run,
      spec,
      issues,
      file,
      drafted,
      suspects: nationalIds.suspects,
    });
    if (drafted) return { twice, ...newcomers(entities - twice) };
    return { twice, ...(await matchStaged(options, known, { rows: writer.lastSeq, file })) };
  });
  const duplicates = match.twice + match.duplicates;
  run.counts.failed += duplicates;
  if (duplicates > 0) run.evidence.idsUnique = false;
  concludeEvidence(run.evidence, { partial, absent, noun: spec.noun });
  await examineMemberships(options, ofMemberships);
  await issues.flush();
  return {
    entities: entities - duplicates,
    provided: provided.fields,
    gone: partial ? gone : [],
    file,
    known,
    partial,
    lastSeq: writer.lastSeq,
    rows: writer.lastSeq - match.twice - match.removed,
    hasDropped: writer.hasDropped,
    ...match,
  };
}

/**
 * Whether entities of this type came from a list of their own before, rather than from elsewhere in the
 * source.
 */
async function broughtByList(
  { database, run }: StageOptions,
  entityType: SyncRun['entityType'],
): Promise<boolean> {
  const [row] = await database.query<{ isKnown: boolean; found: boolean | null }>(
    `SELECT EXISTS (SELECT 1 FROM integration_mappings
      WHERE integration_id = $1 AND entity_type = $2) AS "isKnown",
       (SELECT (evidence->>'found')::boolean FROM sync_runs
        WHERE integration_id = $1 AND entity_type = $2 AND status = 'COMPLETED'
          AND kind IN ('SYNC', 'PREVIEW') AND rolls_back IS NULL
          AND (evidence->>'rows')::int > 0 ORDER BY started_at DESC LIMIT 1) AS found`,
    [run.integrationId, entityType],
  );
  return row?.isKnown === true && row.found !== true;
}

/**
 * Parts the rows of a page: those that are new or changed, with their digests by line, and those that came
 * twice.
 */
function sift(page: FingerprintedPage<EntityRecord>, known: KnownDigests, key: string) {
  const fresh: number[] = [];
  const digests = new Map<number, Buffer>();
  const all = digestsOf(key, page.fingerprints);
  const twice: { position: number; firstLine: number }[] = [];
  for (let position = 0; position < page.lines.length; position++) {
    const line = page.lines[position] as number;
    const offset = position * DIGEST_BYTES;
    const seen = known.see(all, offset, line);
    if (seen === 'unknown') {
      fresh.push(position);
      digests.set(line, all.subarray(offset, offset + DIGEST_BYTES));
    } else if (seen !== 'first') twice.push({ position, firstLine: seen });
  }
  return { fresh, digests, twice };
}
