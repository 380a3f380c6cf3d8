import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';

/** How often the delay of the event loop is sampled, in milliseconds. */
const RESOLUTION_MS = 20;
const NANOS = 1e9;

/**
 * The metrics of the process under the names that Prometheus clients give them. The delay of the event loop is
 * that since the last scrape. Returns how to end them.
 */
export function observeProcess(meter: Meter): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const cpu = meter.createObservableCounter('process_cpu_seconds', {
    description: 'CPU time, user and system',
  });
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { description });
  const started = gauge('process_start_time_seconds', 'When the process started, in seconds since 1970');
  const resident = gauge('process_resident_memory_bytes', 'Memory that is in use');
  const files = gauge('process_open_fds', 'Open file descriptors; Linux alone tells');
  const heapUsed = gauge('nodejs_heap_size_used_bytes', 'Memory of JavaScript that is in use');
  const heapTotal = gauge('nodejs_heap_size_total_bytes', 'Memory of JavaScript');
  const external = gauge('nodejs_external_memory_bytes', 'Memory of buffers and other native objects');
  const p50 = gauge(
    'nodejs_eventloop_lag_p50_seconds',
    'Delay of the event loop, its median since the last scrape',
  );
  const p99 = gauge('nodejs_eventloop_lag_p99_seconds', 'The same that 99 % of the samples stay below');
  const max = gauge('nodejs_eventloop_lag_max_seconds', 'The longest delay since the last scrape');
  const startedAt = Date.now() / 1_000 - process.uptime();
  const observables = [cpu, started, resident, files, heapUsed, heapTotal, external, p50, p99, max];
  meter.addBatchObservableCallback(async (result) => {
    const { user, system } = process.cpuUsage();
    result.observe(cpu, (user + system) / 1e6);
    result.observe(started, startedAt);
    const memory = process.memoryUsage();
    result.observe(resident, memory.rss);
    result.observe(heapUsed, memory.heapUsed);
    result.observe(heapTotal, memory.heapTotal);
    result.observe(external, memory.external);
    // A sample is how long a timer took: what was asked for is no delay.
    const lag = (nanos: number) => Math.max(0, nanos / NANOS - RESOLUTION_MS / 1_000);
    result.observe(p50, lag(delay.percentile(50)));
    result.observe(p99, lag(delay.percentile(99)));
    result.observe(max, lag(delay.max));
    delay.reset();
    const open = await readdir('/proc/self/fd').catch(() => undefined);
    if (open) result.observe(files, open.length);
  }, observables);
  return () => delay.disable();
}
