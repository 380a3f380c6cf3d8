import { expect } from 'chai';
import type { RecordPage, StudentRecord } from '../../../../src/connectors/index.js';
import { recordSchool } from '../../../support/record-school.js';

const students = (...ids: string[]): StudentRecord[] =>
  ids.map((externalId) => ({ externalId, givenName: 'Ana' }));

/** An error that a connector found in the row of this id. */
const failed = (externalId: string | undefined): RecordPage<StudentRecord> => ({
  records: [],
  issues: [{ severity: 'error', rule: 'row.odd', problem: 'the row is odd', externalId }],
});

describe('a person whose row has an error', () => {
  const long = `${'x'.repeat(199)}-${'y'.repeat(55)}`;
  const twin = `${'x'.repeat(199)}-${'z'.repeat(55)}`;

  it('is not missing when the id of the row has 255 characters, and one whose id begins alike is', async () => {
    const { sync, mapping } = await recordSchool();
    await sync([students('1', long, twin)]);
    const { counts } = await sync([[...students('1'), { externalId: long, givenName: '' }]]);
    expect(counts).to.deep.include({ failed: 1, missing: 1 });
    expect((await mapping(long)).status).to.equal('ACTIVE');
    expect((await mapping(twin)).status).to.equal('MISSING');
  });

  const cases: [how: string, stored: string, said: string][] = [
    ['with spaces around it', 'E1', ' \t E1\u00a0'],
    ['in decomposed letters', 'Ñandú', 'N\u0303andu\u0301'],
    ['with half a character in it', 'E\ufffd1', 'E\ud8001'],
    ['in 255 characters and spaces', long, `  ${long}  `],
    ['of letters that take several bytes', '\u{1f600}'.repeat(120), '\u{1f600}'.repeat(120)],
  ];
  for (const [how, stored, said] of cases) {
    it(`is not missing when a connector names the id ${how}`, async () => {
      const { sync, mapping } = await recordSchool();
      await sync([students('1', stored)]);
      const { counts, gaps } = await sync([students('1'), failed(said)]);
      expect([counts.failed, counts.missing, gaps]).to.deep.equal([1, 0, []]);
      expect((await mapping(stored)).status).to.equal('ACTIVE');
    });
  }

  const nobodys: [what: string, id: string][] = [
    ['nothing but spaces', ' \u00a0 '],
    ['a NUL character', 'E1\0'],
    ['256 characters', 'x'.repeat(256)],
  ];
  for (const [what, id] of nobodys) {
    it(`may be anybody when the id of the row is ${what}: then nobody is missing`, async () => {
      const { sync, mapping } = await recordSchool();
      await sync([students('1', 'E1', 'E\u24001')]);
      for (const pages of [[students('1', id)], [students('1'), failed(id)]]) {
        const { counts, gaps } = await sync(pages);
        expect(counts.failed).to.equal(1);
        expect(gaps.join()).to.match(/^1 row or list could not be read/);
        expect((await mapping('E1')).status).to.equal('ACTIVE');
      }
    });
  }
});
