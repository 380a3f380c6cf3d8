import { expect } from 'chai';
import fc from 'fast-check';
import { DIGEST_BYTES } from '../../../../src/sync/pipeline/stage/digest.js';
import { KnownDigests } from '../../../../src/sync/pipeline/stage/known-digests.js';

/** Few values, of which many meet in the same slot. */
const digest = fc
  .tuple(fc.nat(3), fc.constantFrom(0, 1, 0xffffffff), fc.nat(1), fc.nat(2))
  .map(([a, b, c, d]) => {
    const bytes = Buffer.alloc(DIGEST_BYTES);
    for (const [i, word] of [a, b, c, d].entries()) bytes.writeUInt32BE(word, i * 4);
    return bytes;
  })
  .filter((bytes) => bytes.readBigUInt64BE(0) !== 0n);
const hex = (bytes: Buffer) => bytes.toString('hex');

async function unseenOf(known: KnownDigests, size: number): Promise<string[]> {
  const found: string[] = [];
  for await (const slice of known.unseen(size)) {
    expect(slice.length).to.be.within(DIGEST_BYTES, size * DIGEST_BYTES);
    for (let at = 0; at < slice.length; at += DIGEST_BYTES)
      found.push(slice.toString('hex', at, at + DIGEST_BYTES));
  }
  return found;
}

describe('a table of known digests', () => {
  it('does what a Map does, whatever is put in and looked up', async () => {
    const steps = fc.array(fc.tuple(digest, fc.option(fc.integer({ min: 1, max: 9 }))), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(digest, { selector: hex, maxLength: 40 }),
        steps,
        fc.integer({ min: 1, max: 50 }),
        async (all, looks, size) => {
          const known = new KnownDigests(all.length, true, 0, 0);
          const model = new Map(all.map((one) => [hex(one), 0]));
          for (const one of all) known.insert(Buffer.concat([Buffer.alloc(3), one]), 3);
          for (const [one, line] of looks) {
            const before = model.get(hex(one));
            expect(known.lineOf(one, 0)).to.equal(before ?? 0);
            expect(known.see(one, 0, line)).to.equal(
              before === undefined ? 'unknown' : before === 0 ? 'first' : before,
            );
            if (before === 0) model.set(hex(one), line ?? -1);
          }
          const unseen = [...model].filter(([, line]) => line === 0).map(([one]) => one);
          expect([known.seen, known.unseenCount]).to.deep.equal([model.size - unseen.length, unseen.length]);
          expect((await unseenOf(known, size)).sort()).to.deep.equal(unseen.sort());
        },
      ),
      { numRuns: 500, includeErrorInReport: true },
    );
  });

  it('does not take in the nil UUID, which stands for no digest', async () => {
    const known = new KnownDigests(3, true, 0, 0);
    for (let i = 0; i < 3; i++) known.insert(Buffer.alloc(DIGEST_BYTES), 0);
    expect(known.see(Buffer.alloc(DIGEST_BYTES), 0, 1)).to.equal('unknown');
    expect([known.unseenCount, await unseenOf(known, 2)]).to.deep.equal([0, []]);
  });

  it('gives out 300,000 unseen digests in slices, while other work of the process has its turn', async () => {
    const count = 300_000;
    const known = new KnownDigests(count, true, count, 0);
    const bytes = Buffer.alloc(DIGEST_BYTES);
    for (let i = 1; i <= count; i++) {
      bytes.writeUInt32BE(Math.imul(i, 0x9e3779b1) >>> 0, 0);
      bytes.writeUInt32BE(i, 4);
      known.insert(bytes, 0);
    }
    let turns = 0;
    let going = true;
    const tick = () => {
      turns += 1;
      if (going) setImmediate(tick);
    };
    setImmediate(tick);
    const sizes: number[] = [];
    // Nothing here waits for anything else: each turn is one that the table itself gave.
    for await (const slice of known.unseen(50_000)) sizes.push(slice.length / DIGEST_BYTES);
    going = false;
    expect(sizes).to.deep.equal([50_000, 50_000, 50_000, 50_000, 50_000, 50_000]);
    expect(turns).to.be.at.least(8);
  });
});
