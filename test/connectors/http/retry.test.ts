import net, { type AddressInfo } from 'node:net';
import { expect } from 'chai';
import sinon from 'sinon';
import type { HttpRequest } from '../../../src/connectors/http/index.js';
import { backoff, readRetryAfter } from '../../../src/connectors/http/retry.js';
import { answer, closeAll, closedPort, cut, failureOf, polite, serve, stall } from './kit.js';

const GET: HttpRequest = { path: '/things' };
const POST: HttpRequest = { method: 'POST', path: '/things', json: { a: 1 } };
const PUT: HttpRequest = { method: 'PUT', path: '/things', json: { a: 1 } };
/** A POST that does the same when it comes twice. */
const SAFE_POST: HttpRequest = { ...POST, idempotent: true };

const busy = (retryAfter: string) => answer({}, 429, { 'Retry-After': retryAfter });

describe('Retry-After', () => {
  const NOW = Date.parse('2026-03-02T12:00:00Z');
  const YEAR_MS = 365 * 86_400_000;
  const cases: [header: string | null | undefined, ms: number | undefined][] = [
    [undefined, undefined],
    [null, undefined],
    ['', undefined],
    ['0', 0],
    ['1', 1_000],
    [' 120 ', 120_000],
    ['100000', 100_000_000],
    // A year says "not any more" as well as 400 digits, which no number holds.
    ['99999999999', YEAR_MS],
    ['9'.repeat(400), YEAR_MS],
    ['Fri, 31 Dec 9999 23:59:59 GMT', YEAR_MS],
    ['Infinity', undefined],
    ['NaN', undefined],
    ['1e999', undefined],
    ['Mon, 02 Mar 2026 12:00:30 GMT', 30_000],
    ['Monday, 02-Mar-26 12:00:30 GMT', 30_000],
    ['Mon, 02 Mar 2026 12:00:00 GMT', 0],
    ['Mon, 02 Mar 2026 11:00:00 GMT', 0],
    ['later', undefined],
    ['120s', undefined],
    ['in 5 minutes', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['5, 5', undefined],
    ['60;', undefined],
    ['Mon Mar  2 12:00:30 2026', 30_000],
  ];
  for (const [header, ms] of cases) {
    it(`${JSON.stringify(header)?.slice(0, 40) ?? 'left out'} means ${ms === undefined ? 'nothing' : `${ms} ms`}`, () => {
      expect(readRetryAfter(header, () => NOW)).to.equal(ms);
    });
  }
});

describe('pause between repeats', () => {
  it('is anything up to a bound that doubles, and never more than 30 s', () => {
    const longest = [0, 1, 2, 3, 10, 50].map((attempt) => backoff(attempt, 500, () => 1));
    expect(longest).to.deep.equal([500, 1_000, 2_000, 4_000, 30_000, 30_000]);
    expect(backoff(3, 500, () => 0)).to.equal(0);
    expect(backoff(3, 500, () => 0.25)).to.equal(1_000);
  });
});

describe('repeating of calls', () => {
  afterEach(async () => {
    sinon.restore();
    await closeAll();
  });

  describe('that the server is too busy for (429)', () => {
    it('waits as many seconds as the server asks', async () => {
      const school = await serve(busy('7'), busy('11'), answer({ done: true }));
      const { client, waits } = polite(school.url);
      expect((await client.send(GET)).json()).to.deep.equal({ done: true });
      expect(waits).to.deep.equal([7_000, 11_000]);
    });

    it('waits until the time that the server names', async () => {
      sinon.useFakeTimers({ now: Date.parse('2026-03-02T12:00:00Z'), toFake: ['Date'] });
      const school = await serve(busy('Mon, 02 Mar 2026 12:00:09 GMT'), answer());
      const { client, waits } = polite(school.url);
      await client.send(GET);
      expect(waits).to.deep.equal([9_000]);
    });

    it('repeats a POST too, with its body, because the server did nothing', async () => {
      const school = await serve(busy('1'), answer());
      const { client } = polite(school.url);
      await client.send(POST);
      expect(school.arrived.map(({ body }) => body)).to.deep.equal(['{"a":1}', '{"a":1}']);
    });

    it('ends at once when the wait would be too long, and says how long it is', async () => {
      const school = await serve(busy('100000'));
      const { client, waits } = polite(school.url);
      const failure = await failureOf(client.send(GET));
      expect([failure.kind, failure.answer?.status, waits, school.arrived.length]).to.deep.equal([
        'status',
        429,
        [],
        1,
      ]);
      expect(failure.message).to.equal(
        'Moodle answered GET /things with 429 Too Many Requests: too many calls. Try again in 100000 s.',
      );
    });

    it('repeats when the system says so in words of its own, and gives those back in the end', async () => {
      const school = await serve(answer({ busy: true }));
      const isBusy = ({ text }: { text: string }) => text.includes('busy');
      const { client, waits } = polite(school.url, { isBusy, retries: 2 });
      expect((await client.send(POST)).json()).to.deep.equal({ busy: true });
      expect([waits.length, school.arrived.length]).to.deep.equal([2, 3]);
    });
  });

  describe('that the server failed at', () => {
    const calls: [what: string, request: HttpRequest, repeated: boolean][] = [
      ['a GET', GET, true],
      ['a PUT', PUT, true],
      ['a POST that may come twice', SAFE_POST, true],
      ['a POST', POST, false],
      ['a GET that must not come twice', { ...GET, idempotent: false }, false],
    ];
    for (const [what, request, repeated] of calls) {
      for (const status of [500, 502, 503]) {
        it(`${repeated ? 'repeats' : 'does not repeat'} ${what} after ${status}`, async () => {
          const school = await serve(answer({}, status, { 'Retry-After': '2' }), answer());
          const { client, waits } = polite(school.url);
          if (repeated) await client.send(request);
          else expect((await failureOf(client.send(request))).answer?.status).to.equal(status);
          expect(waits).to.deep.equal(repeated ? [2_000] : []);
          expect(school.arrived).to.have.length(repeated ? 2 : 1);
        });
      }

      it(`${repeated ? 'repeats' : 'does not repeat'} ${what} whose connection was cut after it arrived`, async () => {
        const school = await serve(cut, answer());
        const { client } = polite(school.url);
        if (repeated) await client.send(request);
        else expect(await failureOf(client.send(request))).to.include({ kind: 'network', notArrived: false });
        expect(school.arrived).to.have.length(repeated ? 2 : 1);
      });

      it(`${repeated ? 'repeats' : 'does not repeat'} ${what} that was not answered whole in time`, async () => {
        const school = await serve(stall);
        const { client, waits } = polite(school.url, { timeoutMs: 100, retries: 1 });
        const failure = await failureOf(client.send(request));
        expect(failure.kind).to.equal('timeout');
        expect(failure.message).to.match(/^Moodle did not answer .* within 0\.1 s \(config\.timeout\)\.$/);
        expect(waits).to.have.length(repeated ? 1 : 0);
      });
    }

    it('repeats a GET whose answer was cut off in the middle', async () => {
      const school = await serve(
        (response) => {
          response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 100 });
          response.write('1', () => response.destroy());
        },
        answer([1, 2]),
      );
      expect((await polite(school.url).client.send(GET)).json()).to.deep.equal([1, 2]);
    });
  });

  describe('that did not reach the server', () => {
    for (const [host, allow] of [
      ['127.0.0.1', '127.0.0.1'],
      // A name with several addresses: each of them is refused.
      ['localhost', 'localhost'],
    ] as const) {
      it(`repeats a POST to ${host} where nothing listens`, async () => {
        const { client, waits } = polite(`http://${host}:${await closedPort()}`, { allow: [allow] });
        const failure = await failureOf(client.send(POST));
        expect(failure).to.include({ kind: 'network', notArrived: true });
        expect(failure.message).to.match(
          new RegExp(`at ${host}:\\d+ for POST /things: nothing listens there\\.$`),
        );
        expect(waits).to.have.length(3);
      });
    }

    it('gives up a connection that is not there after 10 s, and repeats a POST then', async () => {
      // The timer of the connection is the only one of ours: node keeps its own ones.
      const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const mute = net.createServer((socket) => {
        socket.on('error', () => {});
        // A server that takes the connection and never begins with TLS.
        socket.once('data', () => clock.tick(10_000));
      });
      await new Promise<void>((resolve) => mute.unref().listen(0, '127.0.0.1', resolve));
      const { client, waits } = polite(`https://127.0.0.1:${(mute.address() as AddressInfo).port}`, {
        retries: 1,
      });
      const failure = await failureOf(client.send(POST));
      expect(failure).to.include({ kind: 'network', notArrived: true });
      expect(failure.message).to.match(/no connection within 10 s/);
      expect(waits).to.have.length(1);
      mute.close();
    });
  });

  describe('ends', () => {
    for (const status of [400, 401, 403, 404, 409, 422]) {
      it(`at once after ${status}, which a repeat would not change`, async () => {
        const school = await serve(answer({ why: 'no' }, status));
        const { client, waits } = polite(school.url);
        const failure = await failureOf(client.send(GET));
        expect([failure.kind, failure.answer?.status, failure.answer?.json(), waits]).to.deep.equal([
          'status',
          status,
          { why: 'no' },
          [],
        ]);
      });
    }

    for (const [retries, calls] of [
      [undefined, 4],
      [0, 1],
      [1, 2],
    ] as const) {
      it(`after call ${calls} with ${retries === undefined ? 'retries left out' : `${retries} retries`}`, async () => {
        const school = await serve(answer({}, 500));
        const { client } = polite(school.url, retries === undefined ? {} : { retries });
        const failure = await failureOf(client.send(GET));
        expect(school.arrived).to.have.length(calls);
        const times = calls > 1 ? ` ${calls} times` : '';
        expect(failure.message).to.equal(
          `Moodle answered GET /things with 500 Internal Server Error${times}. Moodle has trouble of its own; try again later.`,
        );
      });
    }

    it('before the pauses of one call exceed 2 min in all', async () => {
      const school = await serve(busy('50'));
      const { client, waits } = polite(school.url, { retries: 100 });
      expect((await failureOf(client.send(GET))).message).to.match(
        /3 times: too many calls\. Try again in 50 s\.$/,
      );
      expect(waits).to.deep.equal([50_000, 50_000]);
    });

    it('within the time it was given', async () => {
      const school = await serve(busy('1000'));
      const { client, waits } = polite(school.url, { retries: 100, retryBudgetMs: 3_900_000 });
      await failureOf(client.send(GET));
      expect(waits).to.deep.equal([1_000_000, 1_000_000, 1_000_000]);
    });

    it('before the calls themselves have taken that long', async () => {
      let clock = 0;
      sinon.stub(performance, 'now').callsFake(() => {
        clock += 100_000;
        return clock;
      });
      const school = await serve(busy('50'));
      const { client, waits } = polite(school.url, { retries: 100 });
      await failureOf(client.send(GET));
      expect(waits).to.deep.equal([]);
    });
  });

  it('waits longer from repeat to repeat when the server asks nothing', async () => {
    sinon.stub(Math, 'random').returns(0.5);
    const school = await serve(answer({}, 500));
    const { client, waits } = polite(school.url, { retryDelayMs: 800 });
    await failureOf(client.send(GET));
    expect(waits).to.deep.equal([400, 800, 1_600]);
  });
});
