import { expect } from 'chai';
import fc from 'fast-check';
import { Repeats } from '../../../../src/sync/pipeline/stage/repeats.js';

function suspectsOf(texts: readonly string[]): string[] {
  const repeats = new Repeats();
  for (const text of texts) repeats.note(text);
  return [...repeats.suspects].sort();
}

describe('texts that come again', () => {
  it('are noticed, and no others, in any list', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 3 }), { maxLength: 300 }), (texts) => {
        const twice = texts.filter((text, index) => texts.indexOf(text) < index);
        expect(suspectsOf(texts)).to.deep.equal([...new Set(twice)].sort());
      }),
    );
  });

  it('are noticed among 200,000 ids that are numbered, of which none is taken for another', () => {
    const ids = Array.from({ length: 200_000 }, (_, i) => `S${i}`);
    expect(suspectsOf(ids)).to.deep.equal([]);
    expect(suspectsOf([...ids, 'S7', 'S199999', 'S7'])).to.deep.equal(['S199999', 'S7']);
  });
});
