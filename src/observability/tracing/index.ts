import type { Logger } from '../log.js';
import type { Tracing, TracingOptions } from './options.js';

export { readPairs, SAMPLERS, type SamplerName, type Tracing, type TracingOptions } from './options.js';

/** Begins to trace. Whoever does not call this does not load what it takes. */
export async function startTracing(options: TracingOptions, logger: Logger): Promise<Tracing> {
  const { trace } = await import('./spans.js');
  return trace(options, logger);
}
