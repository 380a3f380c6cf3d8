import { mock } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { expect } from 'chai';
import { Lanes } from '../../src/database/lanes.js';

/** Uses a turn as the queries do. */
async function inTurn<T>(lanes: Lanes, use: () => Promise<T>): Promise<T> {
  const turn = await lanes.take();
  try {
    return await use();
  } finally {
    turn?.giveBack();
  }
}

/** Uses of a lane that end when they are told to. */
function users(lanes: Lanes) {
  const open = new Set<() => void>();
  let started = 0;
  const use = (lane?: string) => {
    const work = () =>
      inTurn(lanes, () => {
        started += 1;
        return new Promise<string>((resolve) => open.add(() => resolve('done')));
      });
    const taken = lane === undefined ? work() : lanes.run(lane, work);
    return taken.catch((error: { code: string; metadata: object }) => error);
  };
  return {
    use,
    started: async () => {
      await tick();
      return started;
    },
    async endAll() {
      for (const end of open) end();
      open.clear();
      await tick();
    },
  };
}

describe('lanes', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('use a few connections each: those that wait in one leave the others alone', async () => {
    const { use, started, endAll } = users(new Lanes(2, 4));
    const slow = [use('a'), use('a'), use('a'), use('a')];
    expect(await started()).to.equal(2);
    const others = [use('b'), use('b'), use()];
    expect(await started()).to.equal(5);
    await endAll();
    expect(await started()).to.equal(7);
    await endAll();
    expect(await Promise.all([...slow, ...others])).to.deep.equal(Array(7).fill('done'));
  });

  it('tell whoever waited for too long to come back in seconds', async () => {
    const { use, endAll } = users(new Lanes(1, 1));
    const [first, late] = [use('a'), use('a')];
    mock.timers.tick(4_999);
    expect(await Promise.race([late, tick('waits')])).to.equal('waits');
    mock.timers.tick(1);
    expect(await late).to.deep.include({
      code: 'aborted',
      reason: 'BUSY',
      metadata: { retryAfterSeconds: '5' },
    });
    await endAll();
    expect(await first).to.equal('done');
  });

  it('do nothing for whoever no longer waits, and lose no turn by it', async () => {
    const { use, started, endAll } = users(new Lanes(1, 1));
    const first = use('a');
    const late = [use('a'), use('a'), use('a')];
    mock.timers.tick(5_000);
    await Promise.all(late);
    const next = use('a');
    expect(await started()).to.equal(1);
    await endAll();
    expect(await first).to.equal('done');
    expect(await started()).to.equal(2);
    await endAll();
    expect(await next).to.equal('done');
  });

  it('give the turn of a use that failed to the next', async () => {
    const lanes = new Lanes(1, 1);
    const failing = () => inTurn(lanes, () => Promise.reject(new Error('no')));
    const fails = Array.from({ length: 3 }, () =>
      lanes.run('a', failing).catch((error: Error) => error.message),
    );
    expect(await Promise.all(fails)).to.deep.equal(['no', 'no', 'no']);
    expect(await lanes.run('a', () => inTurn(lanes, async () => 'yes'))).to.equal('yes');
  });

  it('let work in the background wait as long as it takes', async () => {
    const lanes = new Lanes(1, 1);
    let end = () => {};
    const first = lanes.runInBackground(() =>
      inTurn(lanes, () => new Promise<void>((resolve) => (end = resolve))),
    );
    const second = lanes.runInBackground(() => inTurn(lanes, async () => 'done'));
    await tick();
    mock.timers.tick(60_000);
    expect(await Promise.race([second, tick('waits')])).to.equal('waits');
    end();
    await first;
    expect(await second).to.equal('done');
  });
});
