import type { Meter } from '@opentelemetry/api';
import { CachedReading } from './cached-reading.js';

/** What gauges show that are read from elsewhere. Times are in milliseconds since 1970. */
export interface Readings {
  /** The providers that there are connectors for. */
  providers(): readonly string[];
  /** The connections to the database. */
  pool(): { size: number; inUse: number; idle: number; waitingForConnection: number; waitingForTurn: number };
  /** Runs that a process works on, those that wait for one, and the plans that wait for a person. */
  runs(): Promise<{
    running: number;
    waiting: number;
    held: readonly { provider: string; plans: number; oldestAt: Date }[];
  }>;
  /** Deliveries that are to be sent, by status. */
  deliveries(): Promise<readonly { status: string; count: number }[]>;
  /** What schools' systems sent and is not over, by status. */
  webhooks(): Promise<readonly { status: string; count: number }[]>;
  /** How many integrations there are, and when they were last synced. */
  integrations(): Promise<{
    providers: readonly {
      provider: string;
      status: string;
      count: number;
      neverSynced: number;
      oldestAt: Date | null;
    }[];
    /** Those that were synced longest ago. */
    stalest: readonly { id: string; provider: string; lastSyncAt: Date }[];
  }>;
}

/** Scrapes within this time see the same; nobody waits longer for a reading, nor sees an older one. */
const CACHE = { freshMs: 10_000, patienceMs: 1_000, staleMs: 300_000 };

/** Gauges of how things stand. What the database cannot tell in time is left out of the scrape. */
export function observeStanding(meter: Meter, readings: Readings): void {
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { description });
  observePool(meter, readings);
  const runs = new CachedReading({ ...CACHE, read: () => readings.runs() });
  const deliveries = new CachedReading({ ...CACHE, read: () => readings.deliveries() });
  const webhooks = new CachedReading({ ...CACHE, read: () => readings.webhooks() });
  const integrations = new CachedReading({ ...CACHE, read: () => readings.integrations() });
  const up = gauge('smartid_reading_up', 'Whether the database could be asked for this when it last was');
  const queue = gauge(
    'smartid_queue_runs',
    'Sync runs that are under way, and those that wait for a process',
  );
  const outbox = gauge('smartid_queue_deliveries', 'Marks that are to be sent, by status');
  const sent = gauge(
    'smartid_queue_webhooks',
    'Webhooks and pushes that wait for a run, and those whose run is not over',
  );
  const held = gauge('smartid_held_plans', 'Plans that wait for a person');
  const heldSince = gauge(
    'smartid_oldest_held_plan_timestamp_seconds',
    'Since when the oldest of them waits',
  );
  const count = gauge('smartid_integrations', 'Integrations, by provider and status');
  const never = gauge(
    'smartid_integrations_never_synced',
    'Those in use that were never synced with success',
  );
  const oldest = gauge(
    'smartid_oldest_success_timestamp_seconds',
    'The last success of the integration in use that has waited longest for one',
  );
  const last = gauge(
    'smartid_last_success_timestamp_seconds',
    'The last success of an integration in use; of the 100 that have waited longest',
  );
  meter.addBatchObservableCallback(
    async (result) => {
      const [ofRuns, ofDeliveries, ofWebhooks, ofIntegrations] = await Promise.all([
        runs.get(),
        deliveries.get(),
        webhooks.get(),
        integrations.get(),
      ]);
      const all = { runs, deliveries, webhooks, integrations };
      for (const [reading, { isUp }] of Object.entries(all)) result.observe(up, Number(isUp), { reading });
      if (ofRuns) {
        result.observe(queue, ofRuns.running, { state: 'running' });
        result.observe(queue, ofRuns.waiting, { state: 'waiting' });
        // A rule on a metric that is not there is silent: no plan at all is a zero.
        if (ofRuns.held.length === 0) result.observe(held, 0, { provider: '' });
        for (const { provider, plans, oldestAt } of ofRuns.held) {
          result.observe(held, plans, { provider });
          result.observe(heldSince, seconds(oldestAt), { provider });
        }
      }
      for (const status of ofDeliveries ? ['QUEUED', 'WITHHELD', 'FAILED'] : []) {
        const found = ofDeliveries?.find((one) => one.status === status);
        result.observe(outbox, found?.count ?? 0, { status });
      }
      for (const status of ofWebhooks ? ['WAITING', 'STARTED'] : []) {
        const found = ofWebhooks?.find((one) => one.status === status);
        result.observe(sent, found?.count ?? 0, { status });
      }
      for (const { provider, status, ...one } of ofIntegrations?.providers ?? []) {
        result.observe(count, one.count, { provider, status });
        if (status === 'INACTIVE') continue;
        result.observe(never, one.neverSynced, { provider, status });
        if (one.oldestAt) result.observe(oldest, seconds(one.oldestAt), { provider, status });
      }
      for (const { id, provider, lastSyncAt } of ofIntegrations?.stalest ?? []) {
        result.observe(last, seconds(lastSyncAt), { integration: id, provider });
      }
    },
    [up, queue, outbox, sent, held, heldSince, count, never, oldest, last],
  );
}

function observePool(meter: Meter, readings: Readings): void {
  const size = meter.createObservableGauge('smartid_pool_size', { description: 'Connections at most' });
  const connections = meter.createObservableGauge('smartid_pool_connections', {
    description: 'Connections to the database, in use and idle',
  });
  const waiting = meter.createObservableGauge('smartid_pool_waiting', {
    description: 'Queries that wait: for a connection, or for a turn among those of their kind',
  });
  meter.addBatchObservableCallback(
    (result) => {
      const pool = readings.pool();
      result.observe(size, pool.size);
      result.observe(connections, pool.inUse, { state: 'in_use' });
      result.observe(connections, pool.idle, { state: 'idle' });
      result.observe(waiting, pool.waitingForConnection, { for: 'connection' });
      result.observe(waiting, pool.waitingForTurn, { for: 'turn' });
    },
    [size, connections, waiting],
  );
}

function seconds(time: Date): number {
  return time.getTime() / 1_000;
}
