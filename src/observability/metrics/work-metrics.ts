import type { Meter } from '@opentelemetry/api';
import { operations, type RunFacts } from '../operations.js';
import { boundedNames } from './bounded-names.js';

/** What is measured of work. */
export interface WorkMetrics {
  /** Shows zeros of these providers: of a counter that comes with its first event, rates miss that event. */
  expect(providers: readonly string[]): void;
  end(): void;
}

/** Upper bounds of durations, in seconds. */
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120];
const OUTBOUND_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const RUN_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600];
/** Hosts of school systems that have a label of their own, and providers. */
const MOST_HOSTS = 100;
const MOST_PROVIDERS = 50;
/** Codes of calls that are a fault of this service. */
const FAULTS = ['internal', 'unknown', 'data_loss'];
const INTERRUPTED = 'INTERRUPTED';
const OUTCOMES = ['COMPLETED', 'HELD', 'PREVIEWED', 'FAILED', INTERRUPTED];
const WEBHOOK_OUTCOMES = ['new', 'duplicate', 'refused'];
const DELIVERY_STATUSES = ['QUEUED', 'SENT', 'CONFIRMED', 'FAILED'];

/** Makes metrics of what operations tell. */
export function observeWork(meter: Meter): WorkMetrics {
  const provider = boundedNames(MOST_PROVIDERS);
  const parts = [
    observeRuns(meter, provider),
    observeSendings(meter, provider),
    observeWebhooks(meter, provider),
  ];
  const ends = [observeCalls(meter), observeOutbound(meter), ...parts.map(({ end }) => end)];
  return {
    expect(providers) {
      for (const name of providers) for (const part of parts) part.expect(provider(name));
    },
    end() {
      for (const end of ends) end();
    },
  };
}

function observeCalls(meter: Meter): () => void {
  const seconds = histogram(meter, 'smartid_call_duration_seconds', 'Calls, by how they ended', CALL_SECONDS);
  const faults = meter.createCounter('smartid_call_faults', {
    description: 'Calls that failed by a fault of the service; the log has each by its request id',
  });
  faults.add(0);
  return operations.call.onEnd(({ facts: { service, method, protocol, code = 'unknown' }, ms }) => {
    seconds.record(ms / 1_000, { service, method, protocol, code });
    if (FAULTS.includes(code)) faults.add(1);
  });
}

function observeRuns(meter: Meter, provider: (name: string) => string) {
  const asked = meter.createCounter('smartid_sync_runs', {
    description:
      'Sync runs that were asked for, by what they came to; parts of a run of everything count with it',
  });
  const seconds = histogram(
    meter,
    'smartid_sync_run_duration_seconds',
    'Sync runs and their parts, by what they came to',
    RUN_SECONDS,
  );
  const rows = meter.createCounter('smartid_sync_rows', {
    description: 'Rows of sync runs, by what became of them',
  });
  return {
    expect(name: string) {
      for (const outcome of OUTCOMES) asked.add(0, { outcome, provider: name });
    },
    end: operations.run.onEnd(({ facts, ms }) => {
      const { entityType, kind, parentId } = facts.run;
      const labels = { outcome: facts.outcome ?? INTERRUPTED, provider: provider(facts.provider) };
      if (parentId === null) asked.add(1, labels);
      seconds.record(ms / 1_000, { ...labels, entity_type: entityType, kind });
      for (const [entity, result, count] of rowsOf(facts)) rows.add(count, { entity_type: entity, result });
    }),
  };
}

function observeSendings(meter: Meter, provider: (name: string) => string) {
  const deliveries = meter.createCounter('smartid_deliveries', {
    description: 'Marks handed to school systems, by what became of them',
  });
  const seconds = histogram(
    meter,
    'smartid_sending_duration_seconds',
    'Attempts to send the attendance of a class session',
    RUN_SECONDS,
  );
  return {
    expect(name: string) {
      for (const status of DELIVERY_STATUSES) deliveries.add(0, { provider: name, status });
    },
    end: operations.sending.onEnd(({ facts, ms, error }) => {
      const labels = { provider: provider(facts.provider) };
      const counts = Object.entries(facts.deliveries ?? {});
      for (const [status, count] of counts) deliveries.add(count, { ...labels, status });
      const hasFailed = error !== undefined || (facts.deliveries?.FAILED ?? 0) > 0;
      seconds.record(ms / 1_000, { ...labels, outcome: hasFailed ? 'failed' : 'ok' });
    }),
  };
}

function observeWebhooks(meter: Meter, provider: (name: string) => string) {
  const received = meter.createCounter('smartid_webhooks_received', {
    description: 'Webhooks that came, by what became of them; of those that nobody vouches for, UNKNOWN',
  });
  return {
    expect(name: string) {
      for (const outcome of WEBHOOK_OUTCOMES) received.add(0, { outcome, provider: name });
    },
    end: operations.webhook.onEnd(({ facts: { outcome, provider: name } }) =>
      received.add(1, { outcome, provider: provider(name) }),
    ),
  };
}

function observeOutbound(meter: Meter): () => void {
  const calls = meter.createCounter('smartid_outbound_calls', {
    description: 'Exchanges with school systems, by host and status, or why there was no answer',
  });
  const seconds = histogram(
    meter,
    'smartid_outbound_call_duration_seconds',
    'How long exchanges with school systems took',
    OUTBOUND_SECONDS,
  );
  const host = boundedNames(MOST_HOSTS);
  return operations.outbound.onEnd(({ facts, ms, error }) => {
    const name = host(facts.host);
    const status = facts.status ?? facts.failure ?? (error === undefined ? 'none' : 'aborted');
    calls.add(1, { host: name, status: String(status) });
    seconds.record(ms / 1_000, { host: name });
  });
}

function histogram(meter: Meter, name: string, description: string, explicitBucketBoundaries: number[]) {
  return meter.createHistogram(name, { description, advice: { explicitBucketBoundaries } });
}

/** What counts are of the reading; the others are of what was written. */
const OF_READING = ['read', 'failed', 'conflicts', 'unchanged', 'warnings'];

/**
 * The rows that an attempt read and wrote. Of a plan that waits nothing was written, and one that was approved
 * was read before.
 */
function rowsOf({ run, outcome }: RunFacts): [entity: string, result: string, count: number][] {
  // The counts of a run of everything are those of its parts.
  if (run.entityType === 'ALL' || outcome === undefined) return [];
  const isApplied = outcome === 'COMPLETED';
  const counted = (entity: string, counts: object) =>
    Object.entries(counts as Record<string, number>)
      .filter(([result, count]) => count > 0 && (OF_READING.includes(result) ? !run.approvedAt : isApplied))
      .map(([result, count]): [string, string, number] => [entity, result, count]);
  return [...counted(run.entityType, run.counts), ...counted('MEMBERSHIP', run.membershipCounts)];
}
