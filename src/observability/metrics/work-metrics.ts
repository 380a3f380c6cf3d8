import type { Meter } from '@opentelemetry/api';
import { operations, type RunFacts } from '../operations.js';
import { boundedNames } from './bounded-names.js';

/** Upper bounds of durations, in seconds. */
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120];
const OUTBOUND_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const RUN_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600];
/** Hosts of school systems that have a label of their own, and providers. */
const MOST_HOSTS = 100;
const MOST_PROVIDERS = 50;

/** Makes metrics of what operations tell. Returns how to end that. */
export function observeWork(meter: Meter): () => void {
  const histogram = (name: string, description: string, boundaries: number[]) =>
    meter.createHistogram(name, { description, advice: { explicitBucketBoundaries: boundaries } });
  const callSeconds = histogram('smartid_call_duration_seconds', 'Calls, by how they ended', CALL_SECONDS);
  const runSeconds = histogram(
    'smartid_sync_run_duration_seconds',
    'Sync runs, by what they came to',
    RUN_SECONDS,
  );
  const rows = meter.createCounter('smartid_sync_rows', {
    description: 'Rows of sync runs, by what became of them',
  });
  const deliveries = meter.createCounter('smartid_deliveries', {
    description: 'Marks handed to school systems, by what became of them',
  });
  const sendingSeconds = histogram(
    'smartid_sending_duration_seconds',
    'Attempts to send a class session',
    RUN_SECONDS,
  );
  const outbound = meter.createCounter('smartid_outbound_calls', {
    description: 'Exchanges with school systems, by host and status, or why there was no answer',
  });
  const outboundSeconds = histogram(
    'smartid_outbound_call_duration_seconds',
    'The same, how long',
    OUTBOUND_SECONDS,
  );
  const host = boundedNames(MOST_HOSTS);
  const provider = boundedNames(MOST_PROVIDERS);
  const ends = [
    operations.call.onEnd(({ facts: { service, method, protocol, code = 'unknown' }, ms }) => {
      callSeconds.record(ms / 1_000, { service, method, protocol, code });
    }),
    operations.run.onEnd(({ facts, ms }) => {
      const { entityType, kind } = facts.run;
      const outcome = facts.outcome ?? 'INTERRUPTED';
      const labels = { outcome, provider: provider(facts.provider), entity_type: entityType, kind };
      runSeconds.record(ms / 1_000, labels);
      for (const [entity, result, count] of rowsOf(facts)) rows.add(count, { entity_type: entity, result });
    }),
    operations.sending.onEnd(({ facts, ms, error }) => {
      const labels = { provider: provider(facts.provider) };
      const counts = Object.entries(facts.deliveries ?? {});
      for (const [status, count] of counts) deliveries.add(count, { ...labels, status });
      const hasFailed = error !== undefined || (facts.deliveries?.FAILED ?? 0) > 0;
      sendingSeconds.record(ms / 1_000, { ...labels, outcome: hasFailed ? 'failed' : 'ok' });
    }),
    operations.outbound.onEnd(({ facts, ms, error }) => {
      const name = host(facts.host);
      const status = facts.status ?? facts.failure ?? (error === undefined ? 'none' : 'aborted');
      outbound.add(1, { host: name, status: String(status) });
      outboundSeconds.record(ms / 1_000, { host: name });
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** What counts are of the reading; the others are of what was written. */
const OF_READING = ['read', 'failed', 'conflicts', 'unchanged', 'warnings'];

/** The rows that an attempt read and wrote: of a plan that waits, nothing was written, and an approved one read before. */
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
