import { expect } from 'chai';
import sinon from 'sinon';
import { Outbound } from '../../../src/connectors/http/index.js';
import { createPace } from '../../../src/connectors/http/pace.js';
import { answer, closeAll, cut, polite, rejectionOf, serve, stall } from './kit.js';

/** Times at which calls go out when each is made as soon as the one before it may go. */
function timesOf(perMinute: number, calls: number, start = 0): number[] {
  let clock = start;
  const pace = createPace(perMinute, () => clock);
  return Array.from({ length: calls }, () => {
    clock += pace();
    return clock;
  });
}

describe('pace', () => {
  for (const perMinute of [1, 2, 7, 10, 60, 100, 600, 1_001]) {
    it(`of ${perMinute} a minute lets no more calls through in any minute, and not many fewer`, () => {
      const times = timesOf(perMinute, perMinute * 3 + 1);
      for (const [index, time] of times.entries()) {
        const before = times[index - perMinute];
        // The call that is `perMinute` places later lies in another minute.
        if (before !== undefined) expect(time - before, `call ${index}`).to.be.at.least(60_000);
      }
      const atLeast = Math.max(1, Math.ceil(perMinute * 0.9) - 1);
      expect(times.at(-1)).to.be.at.most((times.length / atLeast) * 60_000);
    });
  }

  it('lets a tenth of the calls go at once and spreads the rest evenly', () => {
    const pace = createPace(111, () => 0);
    const waits = Array.from({ length: 14 }, () => pace());
    // 100 calls a minute are left to be spread.
    expect(waits).to.deep.equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 600, 1_200, 1_800]);
    const uneven = createPace(100, () => Date.parse('2026-03-02T12:00:00Z'));
    expect(Array.from({ length: 11 }, () => uneven())).to.deep.equal([...Array(10).fill(0), 667]);
  });

  it('gives every caller a turn of its own, in the order they came', () => {
    const pace = createPace(22, () => 1_000_000);
    const waits = Array.from({ length: 50 }, () => pace());
    expect(waits).to.deep.equal([...waits].sort((a, b) => a - b));
    expect(new Set(waits.slice(1)).size).to.equal(49);
  });

  it('does not save up more than a tenth while nobody calls', () => {
    let clock = 0;
    const pace = createPace(111, () => clock);
    for (let call = 0; call < 50; call += 1) pace();
    clock = 24 * 60 * 60_000;
    const waits = Array.from({ length: 13 }, () => pace());
    expect(waits.filter((ms) => ms === 0)).to.have.length(11);
  });
});

describe('client with a pace', () => {
  afterEach(async () => {
    sinon.restore();
    await closeAll();
  });

  // Of 22 a minute 2 go at once, and 20 are spread.
  const PAUSES = [3_000, 6_000];

  beforeEach(() => {
    sinon.useFakeTimers({ now: 1_000_000, toFake: ['Date'] });
  });

  it('counts the calls of all clients with the same headers together', async () => {
    const school = await serve(answer());
    const options = { perMinute: 22, headers: { Authorization: 'Bearer a' } };
    const one = polite(school.url, options);
    const two = polite(`${school.url}/other/folder`, { ...options, outbound: one.outbound });
    for (const { client } of [one, two, one, two]) await client.send({ path: '/' });
    expect(one.waits).to.deep.equal(PAUSES);
    expect(school.arrived).to.have.length(4);
  });

  it('counts callers with other credentials, and other servers, by themselves', async () => {
    const [school, other] = [await serve(answer()), await serve(answer())];
    const one = polite(school.url, { perMinute: 22, headers: { Authorization: 'Bearer a' } });
    const { outbound, waits } = one;
    const two = polite(school.url, { perMinute: 22, headers: { Authorization: 'Bearer b' }, outbound });
    const three = polite(other.url, { perMinute: 22, headers: { Authorization: 'Bearer a' }, outbound });
    for (const { client } of [one, one, two, two, three, three]) await client.send({ path: '/' });
    expect(waits).to.deep.equal([]);
  });

  it('counts repeats as calls', async () => {
    const busy = answer({}, 429, { 'Retry-After': '0' });
    const school = await serve(busy, busy, answer());
    const { client, waits } = polite(school.url, { perMinute: 22 });
    await client.send({ path: '/' });
    expect(waits).to.deep.equal([0, 0, PAUSES[0]]);
  });

  it('does not wait without one', async () => {
    const school = await serve(answer());
    const { client, waits } = polite(school.url);
    await Promise.all(Array.from({ length: 30 }, () => client.send({ path: '/' })));
    expect(waits).to.deep.equal([]);
  });
});

describe('calls at once', () => {
  afterEach(closeAll);

  for (const [concurrency, most] of [
    [undefined, 4],
    [1, 1],
    [3, 3],
  ] as const) {
    it(`are never more than ${most} at the server with ${concurrency ? `concurrency ${concurrency}` : 'concurrency left out'}`, async () => {
      let [now, peak] = [0, 0];
      const school = await serve(async (response) => {
        now += 1;
        peak = Math.max(peak, now);
        // Long enough for calls too many to come in meanwhile.
        await new Promise((resolve) => setTimeout(resolve, 10));
        now -= 1;
        response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
      });
      const { client } = polite(school.url, concurrency ? { concurrency } : {});
      await Promise.all(Array.from({ length: 10 }, () => client.send({ path: '/' })));
      expect(school.arrived).to.have.length(10);
      expect(peak).to.be.within(Math.min(2, most), most);
    });
  }

  it('go on after one has failed', async () => {
    const school = await serve(cut, answer());
    const { client } = polite(school.url, { concurrency: 1, retries: 0 });
    const results = await Promise.allSettled([1, 2, 3].map(() => client.send({ path: '/' })));
    expect(results.map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled', 'fulfilled']);
  });
});

describe('abort', () => {
  afterEach(closeAll);

  const reason = new Error('the school was deleted');

  /** The pauses are real ones here: the abort is what ends them. */
  const real = () => new Outbound({ allow: ['127.0.0.1'] });

  for (const [what, begin] of [
    ['has not been answered', () => {}],
    ['is being answered', stall],
    ['is being refused', (response) => response.writeHead(500).write('so')],
  ] as [string, typeof stall][]) {
    it(`ends a call that ${what}, with its reason`, async () => {
      const abort = new AbortController();
      const school = await serve((response, call) => {
        begin(response, call);
        setImmediate(() => abort.abort(reason));
      });
      const { client, waits } = polite(school.url, { signal: abort.signal });
      expect(await rejectionOf(client.send({ path: '/' }))).to.equal(reason);
      expect([school.arrived.length, waits]).to.deep.equal([1, []]);
    });
  }

  it('before a call keeps it from being made, also those that wait for their turn', async () => {
    const abort = new AbortController();
    const school = await serve(() => abort.abort(reason));
    const { client } = polite(school.url, { signal: abort.signal, concurrency: 1 });
    const errors = await Promise.all([1, 2, 3].map(() => rejectionOf(client.send({ path: '/' }))));
    expect(errors).to.deep.equal([reason, reason, reason]);
    expect(await rejectionOf(client.send({ path: '/' }))).to.equal(reason);
    expect(school.arrived).to.have.length(1);
  });

  it('ends a pause before a repeat', async () => {
    const abort = new AbortController();
    const school = await serve(answer({}, 429, { 'Retry-After': '60' }));
    const { client, lines } = polite(school.url, { signal: abort.signal, outbound: real() });
    const sent = rejectionOf(client.send({ path: '/' }));
    // The line is written just before the pause begins.
    while (!lines.some((line) => line.includes('call is repeated'))) await new Promise(setImmediate);
    abort.abort(reason);
    expect(await sent).to.equal(reason);
    expect(school.arrived).to.have.length(1);
  });

  it('ends a pause that the pace asks for', async () => {
    const abort = new AbortController();
    const school = await serve(answer());
    const { client } = polite(school.url, { signal: abort.signal, outbound: real(), perMinute: 1 });
    await client.send({ path: '/' });
    const sent = rejectionOf(client.send({ path: '/' }));
    setImmediate(() => abort.abort(reason));
    expect(await sent).to.equal(reason);
    expect(school.arrived).to.have.length(1);
  });
});
