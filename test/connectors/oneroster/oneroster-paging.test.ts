import { expect } from 'chai';
import fc from 'fast-check';
import { Pager } from '../../../src/connectors/oneroster/oneroster-paging.js';

/** A server with these ids, in order, that answers as it was told to. */
interface Server {
  ids: string[];
  /** Pages are cut to this size. */
  most: number;
  /** Pages have that size whatever is asked. */
  ignoresLimit: boolean;
  total: boolean;
  links: boolean;
}

/** Reads a list to its end, or until the pager gives up. `between`: called before each page but the first. */
function readAll(server: Server, pageSize: number, between: () => void = () => {}) {
  const pager = new Pager(pageSize, {});
  const read: string[] = [];
  let moved = false;
  for (let calls = 0; pager.query; calls += 1) {
    if (calls > 500) throw new Error('it does not end');
    if (calls > 0) between();
    const offset = Number(pager.query.offset);
    const size = server.ignoresLimit ? server.most : Math.min(Number(pager.query.limit), server.most);
    const ids = server.ids.slice(offset, offset + size);
    const more = offset + ids.length < server.ids.length;
    const next = server.links && more ? { offset: String(offset + ids.length) } : undefined;
    const turned = pager.turn({ ids, total: server.total ? server.ids.length : undefined, next });
    if (turned.isLost) return { read, moved, isLost: true };
    moved ||= turned.hasMoved;
    for (const position of turned.fresh) read.push(ids[position] as string);
  }
  return { read, moved, isLost: false };
}

const named = (count: number) => Array.from({ length: count }, (_, i) => String(i).padStart(4, '0'));
const server = fc.record({
  ids: fc.nat(60).map(named),
  most: fc.integer({ min: 2, max: 30 }),
  ignoresLimit: fc.boolean(),
  total: fc.boolean(),
  links: fc.boolean(),
});

describe('the pages of a OneRoster list', () => {
  it('are read to the last row, each once, of whatever size and however the server tells of the next', () => {
    fc.assert(
      fc.property(server, fc.integer({ min: 2, max: 20 }), (given, pageSize) => {
        expect(readAll(given, pageSize)).to.deep.equal({ read: given.ids, moved: false, isLost: false });
      }),
    );
  });

  it('of a list from which a row went while it was read either hold all that stayed, or are known to have moved', () => {
    fc.assert(
      fc.property(
        server,
        fc.integer({ min: 2, max: 20 }),
        fc.nat(),
        fc.nat(5),
        (given, pageSize, which, when) => {
          const ids = [...given.ids];
          let turns = 0;
          const result = readAll({ ...given, ids }, pageSize, () => {
            turns += 1;
            if (turns === when && ids.length > 0) ids.splice(which % ids.length, 1);
          });
          const missed = ids.filter((id) => !result.read.includes(id));
          expect(missed.length === 0 || result.moved || result.isLost, `missed ${missed}`).to.equal(true);
          expect(new Set(result.read).size).to.equal(result.read.length);
        },
      ),
    );
  });

  it('that come into the list while it is read are no reason to give a row twice', () => {
    fc.assert(
      fc.property(
        server,
        fc.integer({ min: 2, max: 20 }),
        fc.nat(),
        fc.nat(5),
        (given, pageSize, where, when) => {
          const ids = [...given.ids];
          let turns = 0;
          const result = readAll({ ...given, ids }, pageSize, () => {
            turns += 1;
            if (turns === when) ids.splice(where % (ids.length + 1), 0, 'new');
          });
          expect(new Set(result.read).size).to.equal(result.read.length);
          const missed = given.ids.filter((id) => !result.read.includes(id));
          expect(missed.length === 0 || result.moved || result.isLost, `missed ${missed}`).to.equal(true);
        },
      ),
    );
  });

  it('of a list in which one row takes the place of another, so that its total stays, are known to have moved', () => {
    fc.assert(
      fc.property(
        server,
        fc.integer({ min: 2, max: 20 }),
        fc.nat(),
        fc.nat(5),
        (given, pageSize, which, when) => {
          const ids = [...given.ids];
          let turns = 0;
          const result = readAll({ ...given, ids }, pageSize, () => {
            turns += 1;
            if (turns !== when || ids.length === 0) return;
            ids.splice(which % ids.length, 1);
            ids.push('new');
          });
          const missed = given.ids.filter((id) => ids.includes(id) && !result.read.includes(id));
          expect(missed.length === 0 || result.moved || result.isLost, `missed ${missed}`).to.equal(true);
        },
      ),
    );
  });

  it('that stay empty although links lead on for ever have no end', () => {
    const pager = new Pager(10, {});
    let isLost = false;
    for (let page = 1; !isLost; page += 1) {
      expect(page).to.be.lessThan(30);
      ({ isLost } = pager.turn({ ids: [], total: undefined, next: { offset: String(page * 10) } }));
    }
  });

  it('whose link leads back have no end', () => {
    const pager = new Pager(2, {});
    pager.turn({ ids: ['a', 'b'], total: 9, next: { offset: '2' } });
    expect(pager.turn({ ids: ['c', 'd'], total: 9, next: { offset: '2' } }).isLost).to.equal(true);
  });

  it('are asked for as a link says that has words of its own', () => {
    const pager = new Pager(2, { filter: 'f' });
    pager.turn({ ids: ['a', 'b'], total: undefined, next: { cursor: 'xyz' } });
    expect(pager.query).to.deep.equal({
      limit: '2',
      sort: 'sourcedId',
      orderBy: 'asc',
      filter: 'f',
      cursor: 'xyz',
    });
    expect(pager.turn({ ids: ['c'], total: undefined, next: undefined })).to.deep.include({
      hasMoved: false,
    });
    expect(pager.query).to.equal(undefined);
  });
});
