import { expect } from 'chai';
import { findUnstorable } from '../../src/values/index.js';

describe('texts that PostgreSQL cannot store', () => {
  it('are found by their paths, in values and in names of fields', () => {
    const value = {
      a: 'ok',
      b: ['x', { c: 'a\0b' }],
      'd\0': 1,
      e: '\uD800',
      f: new Uint8Array([0]),
      g: null,
    };
    expect(findUnstorable(value)).to.have.deep.members([
      { path: 'b[1].c', problem: 'holds a NUL character' },
      { path: 'd\u2400', problem: 'has such a character in its name' },
      { path: 'e', problem: 'holds half of a character' },
    ]);
    expect(findUnstorable({ text: 'Ñandú 🎓', list: [], nested: {} })).to.deep.equal([]);
  });

  it('are found however deep they stand', () => {
    let value: unknown = '\0';
    for (let depth = 0; depth < 200_000; depth++) value = [value];
    expect(findUnstorable(value)).to.have.length(1);
  });
});
