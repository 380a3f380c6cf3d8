import { expect } from 'chai';
import { readMeanwhile, readPages, SourceFailure } from '../../../../src/sync/pipeline/read/read-pages.js';

/** A source of two pages, and what became of it. */
function sourceOf({ failing = false } = {}) {
  const seen: string[] = [];
  const pages = async function* () {
    try {
      seen.push('begun');
      if (failing) throw new Error('cut');
      yield [1];
      yield [2];
    } finally {
      seen.push('closed');
    }
  };
  return { seen, pages: readPages<number>(pages()) };
}

describe('the first page of a source', () => {
  it('is read while other work is done, and comes before the others', async () => {
    const { seen, pages } = sourceOf();
    const [done, all] = await readMeanwhile(pages, async () => {
      for (let look = 0; seen.length === 0 && look < 100; look++) await null;
      return [...seen];
    });
    expect(done).to.deep.equal(['begun']);
    const read: unknown[] = [];
    for await (const page of all) read.push(page);
    expect(read).to.deep.equal([{ records: [1] }, { records: [2] }]);
    expect(seen).to.deep.equal(['begun', 'closed']);
  });

  it('is the last one when nobody reads on: the source is closed', async () => {
    const { seen, pages } = sourceOf();
    const [, all] = await readMeanwhile(pages, async () => {});
    for await (const _ of all) break;
    expect(seen).to.deep.equal(['begun', 'closed']);
  });

  it('is given up with its source when the other work fails, also where the source fails too', async () => {
    for (const failing of [false, true]) {
      const { seen, pages } = sourceOf({ failing });
      const error = await readMeanwhile(pages, () => Promise.reject(new Error('no'))).catch((e: Error) => e);
      expect(error).to.have.property('message', 'no');
      for (let look = 0; seen.length < 2 && look < 100; look++) await null;
      expect(seen).to.deep.equal(['begun', 'closed']);
    }
  });

  it('keeps nobody waiting when the other work fails, however long it takes', async () => {
    const pages = readPages<number>(
      (async function* () {
        await new Promise(() => {});
        yield [1];
      })(),
    );
    const error = await readMeanwhile(pages, () => Promise.reject(new Error('no'))).catch((e: Error) => e);
    expect(error).to.have.property('message', 'no');
  });

  it('is told to have failed when it is asked for, not before', async () => {
    const { pages } = sourceOf({ failing: true });
    const [done, all] = await readMeanwhile(pages, async () => 'done');
    expect(done).to.equal('done');
    expect(await all.next().catch((error: unknown) => error)).to.be.instanceOf(SourceFailure);
  });
});
