import { expect } from 'chai';
import { type Readings, startMetrics } from '../../src/observability/index.js';
import { boundedNames } from '../../src/observability/metrics/bounded-names.js';
import { CachedReading } from '../../src/observability/metrics/cached-reading.js';
import { operations } from '../../src/observability/operations.js';
import { parseMetrics, sumOf } from '../support/prometheus.js';
import { until } from '../support/until.js';

const BUILD = { version: '1', commit: undefined, node: '20', schema: '1' };
const READINGS: Readings = {
  providers: () => ['TEST'],
  pool: () => ({ size: 1, inUse: 0, idle: 1, waitingForConnection: 0, waitingForTurn: 0 }),
  runs: async () => ({ running: 1, waiting: 2, held: [] }),
  deliveries: async () => [],
  webhooks: async () => [],
  integrations: async () => ({ providers: [], stalest: [] }),
};

async function scrapeOf(readings: Readings) {
  const metrics = await startMetrics(BUILD);
  try {
    metrics.show(readings);
    return parseMetrics(await metrics.text());
  } finally {
    await metrics.close();
  }
}

describe('metrics', () => {
  it('are shown without what the database does not tell, in time or at all', async () => {
    const samples = await scrapeOf({
      ...READINGS,
      runs: () => Promise.reject(new Error('away')),
      deliveries: () => new Promise(() => {}),
    });
    expect(sumOf(samples, 'smartid_reading_up', { reading: 'runs' })).to.equal(0);
    expect(sumOf(samples, 'smartid_reading_up', { reading: 'deliveries' })).to.equal(0);
    expect(sumOf(samples, 'smartid_reading_up', { reading: 'integrations' })).to.equal(1);
    expect(sumOf(samples, 'smartid_queue_runs')).to.equal(undefined);
    expect(sumOf(samples, 'smartid_queue_deliveries')).to.equal(undefined);
    expect(sumOf(samples, 'smartid_pool_size')).to.equal(1);
    expect(sumOf(samples, 'process_resident_memory_bytes')).to.be.above(0);
  });

  it('show a zero where no plan is held: a rule on nothing would be silent', async () => {
    const samples = await scrapeOf(READINGS);
    expect(sumOf(samples, 'smartid_held_plans')).to.equal(0);
    expect(sumOf(samples, 'smartid_queue_runs', { state: 'waiting' })).to.equal(2);
  });

  it('have at most 101 hosts, however many there are', async () => {
    const metrics = await startMetrics(BUILD);
    try {
      for (let i = 0; i < 500; i++)
        operations.outbound.tell({ method: 'GET', host: `school-${i}.example`, status: 200 }, 1);
      const samples = parseMetrics(await metrics.text());
      const hosts = new Set(
        samples
          .filter(({ name }) => name === 'smartid_outbound_calls_total')
          .map(({ labels }) => labels.host),
      );
      expect(hosts.size).to.equal(101);
      expect(sumOf(samples, 'smartid_outbound_calls_total', { host: 'other' })).to.equal(400);
    } finally {
      await metrics.close();
    }
  });

  it('count nothing once they have ended', async () => {
    const metrics = await startMetrics(BUILD);
    await metrics.close();
    expect(operations.call.isObserved).to.equal(false);
  });
});

describe('names that are bounded', () => {
  it('stay the ones that came first', () => {
    const name = boundedNames(2);
    expect(['a', 'b', 'c', 'a', 'd', 'b'].map(name)).to.deep.equal(['a', 'b', 'other', 'a', 'other', 'b']);
  });
});

describe('a cached reading', () => {
  const options = { freshMs: 60_000, patienceMs: 20, staleMs: 60_000 };

  it('is made once for all that ask within its time', async () => {
    let readings = 0;
    const cached = new CachedReading({ ...options, read: async () => ++readings });
    expect(await Promise.all([cached.get(), cached.get(), cached.get()])).to.deep.equal([1, 1, 1]);
    expect([await cached.get(), readings]).to.deep.equal([1, 1]);
  });

  it('is waited for no longer than its patience, and shown once it is there', async () => {
    let tell = (_: number) => {};
    const read = () => new Promise<number>((resolve) => (tell = resolve));
    const cached = new CachedReading({ ...options, read });
    expect(await cached.get()).to.equal(undefined);
    tell(7);
    expect(await cached.get()).to.equal(7);
  });

  it('keeps the value before when a new one cannot be read, and says so', async () => {
    let isAway = false;
    const read = async () => {
      if (isAway) throw new Error('away');
      return 7;
    };
    const cached = new CachedReading({ ...options, freshMs: 0, read });
    expect([await cached.get(), cached.isUp]).to.deep.equal([7, true]);
    isAway = true;
    // What took some time is not read again at once.
    await until(async () => (await cached.get()) === 7 && !cached.isUp);
  });

  it('is not kept beyond its time', async () => {
    let readings = 0;
    const read = async () => {
      if (readings > 0) throw new Error('away');
      return ++readings;
    };
    const cached = new CachedReading({ freshMs: 0, patienceMs: 20, staleMs: -1, read });
    await cached.get();
    await until(async () => (await cached.get()) === undefined && !cached.isUp);
  });
});
