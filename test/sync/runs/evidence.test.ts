import { expect } from 'chai';
import type { RecordPage } from '../../../src/connectors/index.js';
import {
  concludeEvidence,
  concludeMemberships,
  countMembershipPage,
  countPage,
  noEvidence,
} from '../../../src/sync/runs/evidence.js';

type Page = RecordPage<unknown>;
const rows = (count: number): Page => ({ records: Array.from({ length: count }, () => ({})) });
const failed = (externalId?: string): NonNullable<Page['issues']>[number] => ({
  severity: 'error',
  rule: 'row',
  problem: 'it is broken',
  externalId,
});

/** What is known after these pages, and why it proves no absence. */
function read(pages: Page[], { partial = false, known = 0, twice = false } = {}) {
  const evidence = noEvidence();
  for (const page of pages) countPage(evidence, page, known);
  if (twice) evidence.idsUnique = false;
  concludeEvidence(evidence, { partial, noun: 'student' });
  return evidence;
}

describe('the evidence of a reading', () => {
  const cases: [what: string, evidence: ReturnType<typeof read>, gaps: string[]][] = [
    ['proves absences where pages came to their end', read([rows(3), rows(2)]), []],
    ['counts rows that were not even read because they are as they were', read([rows(0)], { known: 4 }), []],
    ['proves nothing without a row', read([]), ['Not one student was read.']],
    [
      'proves nothing of a partial reading',
      read([rows(2)], { partial: true }),
      ['Only some students were given.'],
    ],
    [
      'says nothing more of a partial reading without rows',
      read([], { partial: true }),
      ['Only some students were given.'],
    ],
    [
      'proves nothing below the total that the source declares',
      read([{ ...rows(3), declaredTotal: 4 }]),
      ['The source says it has 4 students, and gave 3.'],
    ],
    [
      'proves absences at the total that the source declares',
      read([{ ...rows(3), declaredTotal: 3 }, rows(0)]),
      [],
    ],
    [
      'proves nothing where a row has no id',
      read([{ ...rows(3), issues: [failed()] }]),
      ['1 row or list could not be read: nobody knows who is in there.'],
    ],
    ['proves absences where a failed row has its id', read([{ ...rows(3), issues: [failed('7')] }]), []],
    [
      'proves nothing where failed rows have ids that nobody can have',
      read([{ ...rows(3), issues: [failed('x'.repeat(256)), failed(' ')] }]),
      ['2 rows or lists could not be read: nobody knows who is in there.'],
    ],
    [
      'proves nothing where an id came twice',
      read([rows(3)], { twice: true }),
      ['An id came twice: nobody knows whose row is missing.'],
    ],
    [
      'keeps the gaps that the source tells',
      read([{ ...rows(3), gap: 'One course was refused.' }]),
      ['One course was refused.'],
    ],
  ];
  for (const [what, evidence, gaps] of cases) {
    it(what, () => {
      expect(evidence.gaps).to.deep.equal(gaps);
      expect(evidence.ended).to.equal(true);
    });
  }

  it('keeps the cursor only of a reading that gave all it meant to give', () => {
    const page = { ...rows(3), cursor: 'c' };
    expect(read([page]).cursor).to.equal('c');
    expect(read([page], { partial: true }).cursor).to.equal('c');
    expect(read([{ ...page, gap: 'The list changed while it was read.' }]).cursor).to.equal(undefined);
    expect(read([{ ...page, declaredTotal: 4 }], { partial: true }).cursor).to.equal(undefined);
  });

  it('has the sizes of pages, failed rows included', () => {
    const {
      pages,
      rows: all,
      smallestPage,
      largestPage,
      lastPage,
    } = read([rows(5), { ...rows(1), issues: [failed('a')] }, rows(3)]);
    expect({ pages, all, smallestPage, largestPage, lastPage }).to.deep.equal({
      pages: 3,
      all: 10,
      smallestPage: 2,
      largestPage: 5,
      lastPage: 3,
    });
  });
});

describe('the evidence of memberships', () => {
  /** What is known after these pages of the list, of which some came twice. */
  function list(pages: Page[], { repeated = 0, wrong = 0, twice = 0, partial = false } = {}) {
    const { memberships } = noEvidence();
    pages.forEach((page, place) => {
      countMembershipPage(memberships, page, place >= pages.length - repeated);
    });
    concludeMemberships(memberships, { failed: wrong, twice, partial });
    return memberships.gaps;
  }
  const cases: [what: string, gaps: string[], expected: string[]][] = [
    ['proves ends where the list came to its end', list([rows(3)]), []],
    ['proves ends where groups hold their members themselves', list([]), []],
    [
      'proves nothing of a partial list',
      list([rows(3)], { partial: true }),
      ['Only some memberships were given.'],
    ],
    [
      'does not count rows that came twice towards the total',
      list([{ ...rows(4), declaredTotal: 4 }], { twice: 1 }),
      ['The source says it has 4 memberships, and gave 3 different ones.'],
    ],
    [
      'proves nothing where a page came twice',
      list([rows(3), rows(3)], { repeated: 1 }),
      ['1 page of memberships came twice: another may be missing.'],
    ],
    [
      'proves nothing where a row failed',
      list([rows(3)], { wrong: 2 }),
      ['2 memberships could not be read.'],
    ],
  ];
  for (const [what, gaps, expected] of cases) it(what, () => expect(gaps).to.deep.equal(expected));
});

describe('a total that a source says', () => {
  it('is brought to a number that a run can show, or counts for nothing', () => {
    const said = (declaredTotal: number) => [
      read([{ ...rows(1), declaredTotal }]).declaredTotal,
      members([{ ...rows(1), declaredTotal }]),
    ];
    expect(said(-5)).to.deep.equal([0, 0]);
    expect(said(1.5)).to.deep.equal([2, 2]);
    expect(said(Number.NaN)).to.deep.equal([null, null]);
    for (const huge of [1e12, Number.POSITIVE_INFINITY])
      expect(said(huge)).to.deep.equal([4_294_967_295, 4_294_967_295]);
  });
});

function members(pages: Page[]): number | null {
  const { memberships } = noEvidence();
  for (const page of pages) countMembershipPage(memberships, page, false);
  return memberships.declaredTotal;
}
