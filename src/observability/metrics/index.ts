import type { Build } from '../build.js';
import type { Metrics } from './metrics.js';

export type { Metrics } from './metrics.js';
export type { Readings } from './standing-metrics.js';

/** What the text of Metrics is. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Begins to count and measure. Whoever does not call this does not load what it takes. */
export async function startMetrics(build: Build): Promise<Metrics> {
  const { measure } = await import('./prometheus.js');
  return measure(build);
}
