import { expect } from 'chai';
import { isIdentifying } from '../../src/values/index.js';
import { checkNationalId } from '../../src/values/national-id.js';

describe('a national id', () => {
  for (const text of [
    'S/N',
    's/n',
    '0',
    '-',
    '',
    'N/A',
    'sin rut',
    '11111111-1',
    '1111111-4',
    '22.222.222-2',
    '0000000000',
    '1-9',
    'XXXXXXX',
  ]) {
    it(`that stands for none tells nobody apart: "${text}"`, () => {
      expect(isIdentifying(text)).to.equal(false);
    });
  }

  for (const text of ['12345678-5', '7654321-6', '1710034065', 'AB123456', 'p1234567', '11111112-K']) {
    it(`tells people apart: "${text}"`, () => {
      expect(isIdentifying(text)).to.equal(true);
    });
  }

  it('of zeros alone is kept as it is written', () => {
    expect(checkNationalId('00.000.000-0')).to.deep.equal({ ok: true, value: '00.000.000-0' });
  });
});
