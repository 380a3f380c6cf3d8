import type { RecordPage } from '../../connectors/index.js';
import { cleanExternalId, storableText } from '../../values/index.js';

/** The largest number that a run can show: totals are uint32 there. */
const MOST_DECLARED = 2 ** 32 - 1;

/**
 * What is known about the reading of a source. Only a reading without `gaps` proves that somebody is gone.
 */
export interface Evidence {
  pages: number;
  rows: number;
  smallestPage: number;
  largestPage: number;
  lastPage: number;
  /** How many records the source said it has; null where it does not say. */
  declaredTotal: number | null;
  /** Whether every id came once. */
  idsUnique: boolean;
  /** Rows that could not be used and have no id, or one that nobody can have. */
  unidentifiedRows: number;
  /**
   * Where the next reading may go on from, as the source says it; only after a reading of all that it meant to
   * give.
   */
  cursor?: string;
  /** By what rows were told to be as they were. Where that is another, every row must be looked at once. */
  comparedBy?: string;
  /** Whether the source ended by itself, with no page failed. */
  ended: boolean;
  /** Why the reading proves no absence, a sentence each. */
  gaps: string[];
  /** Whether the list itself was not there, and its records were found elsewhere in the source. */
  found: boolean;
  memberships: MembershipEvidence;
}

/**
 * What is known about the reading of memberships. They end only after a reading without `gaps`, of them and
 * of the entities with which they come.
 */
export interface MembershipEvidence {
  /**
   * Pages of the list of memberships, and rows in them: those that records of entities hold themselves are
   * not counted.
   */
  pages: number;
  rows: number;
  /** Whether the source has no such list, as a person said. */
  none: boolean;
  /** How many the source said its list has; null where it does not say. */
  declaredTotal: number | null;
  /** Pages that begin with the same rows as a page before. */
  repeatedPages: number;
  /** Internal ids of groups of which nobody was listed any more; only of a reading that could end memberships. */
  emptied?: string[];
  /** Why the reading proves of no membership that it has ended, a sentence each. */
  gaps: string[];
}

export function noEvidence(): Evidence {
  return {
    pages: 0,
    rows: 0,
    smallestPage: 0,
    largestPage: 0,
    lastPage: 0,
    declaredTotal: null,
    idsUnique: true,
    unidentifiedRows: 0,
    ended: false,
    gaps: [],
    found: false,
    memberships: { pages: 0, rows: 0, none: false, declaredTotal: null, repeatedPages: 0, gaps: [] },
  };
}

/** Counts one page of memberships more. */
export function countMembershipPage(
  evidence: MembershipEvidence,
  page: RecordPage<unknown>,
  isRepeated: boolean,
): void {
  evidence.pages += 1;
  evidence.rows +=
    page.records.length + (page.issues ?? []).filter(({ severity }) => severity === 'error').length;
  evidence.declaredTotal = totalOf(page) ?? evidence.declaredTotal;
  evidence.none ||= page.none ?? false;
  if (isRepeated) evidence.repeatedPages += 1;
  if (page.gap) evidence.gaps.push(storableText(page.gap));
}

/**
 * Draws the conclusion once all memberships are read. `failed`: rows that could not be used. `twice`: rows of
 * the list that say what another one says. `partial`: the source never meant to give all of them.
 */
export function concludeMemberships(
  evidence: MembershipEvidence,
  { failed, twice, partial }: { failed: number; twice: number; partial: boolean },
): void {
  const { rows, declaredTotal, repeatedPages } = evidence;
  const gap = (sentence: string) => evidence.gaps.push(sentence);
  if (partial) gap('Only some memberships were given.');
  if (declaredTotal !== null && rows - twice < declaredTotal) {
    gap(`The source says it has ${declaredTotal} memberships, and gave ${rows - twice} different ones.`);
  }
  if (repeatedPages > 0) {
    gap(
      `${repeatedPages} ${repeatedPages === 1 ? 'page' : 'pages'} of memberships came twice: another may be missing.`,
    );
  }
  if (failed > 0) gap(`${failed} ${failed === 1 ? 'membership' : 'memberships'} could not be read.`);
}

/** Counts one page more. `known`: rows of it that were not even read, because they are as they were. */
export function countPage(evidence: Evidence, page: RecordPage<unknown>, known = 0): void {
  const failed = (page.issues ?? []).filter(({ severity }) => severity === 'error');
  const size = page.records.length + failed.length + known;
  evidence.smallestPage = evidence.pages === 0 ? size : Math.min(evidence.smallestPage, size);
  evidence.largestPage = Math.max(evidence.largestPage, size);
  evidence.lastPage = size;
  evidence.pages += 1;
  evidence.rows += size;
  evidence.declaredTotal = totalOf(page) ?? evidence.declaredTotal;
  if (page.gap) evidence.gaps.push(storableText(page.gap));
  if (page.cursor !== undefined) evidence.cursor = storableText(page.cursor);
  evidence.unidentifiedRows += failed.filter(
    ({ externalId }) => typeof cleanExternalId(externalId) !== 'string',
  ).length;
}

/**
 * Draws the conclusion once all is read. `partial`: the source did not speak of everybody; `absent`: because
 * the list was not there, as this sentence says.
 */
export function concludeEvidence(
  evidence: Evidence,
  { partial, absent, noun }: { partial: boolean; absent?: string | undefined; noun: string },
): void {
  const { rows, declaredTotal, unidentifiedRows, idsUnique } = evidence;
  const gap = (sentence: string) => evidence.gaps.push(sentence);
  evidence.ended = true;
  if (absent) gap(storableText(absent));
  else if (partial) gap(`Only some ${noun}s were given.`);
  if (rows === 0 && !partial) gap(`Not one ${noun} was read.`);
  if (declaredTotal !== null && rows < declaredTotal)
    gap(`The source says it has ${declaredTotal} ${noun}s, and gave ${rows}.`);
  if (unidentifiedRows > 0) {
    gap(
      `${unidentifiedRows} ${unidentifiedRows === 1 ? 'row or list' : 'rows or lists'} could not be read: nobody knows who is in there.`,
    );
  }
  if (!idsUnique) gap('An id came twice: nobody knows whose row is missing.');
  // What was not given now is not among what changes from now on.
  if (evidence.gaps.length > (partial && !absent ? 1 : 0)) delete evidence.cursor;
}

/** Systems say any number, and what connectors take off it can be more: it is brought to what a run can show. */
function totalOf({ declaredTotal }: RecordPage<unknown>): number | undefined {
  const total = Math.ceil(declaredTotal ?? Number.NaN);
  return Number.isNaN(total) ? undefined : Math.min(Math.max(total, 0), MOST_DECLARED);
}
