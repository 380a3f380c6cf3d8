export { type Build, readBuild } from './build.js';
export { type Exchange, exchangeKey } from './exchange.js';
export { createLogger, type Logger, type LogOptions, withoutRedaction } from './log.js';
export { METRICS_TYPE, type Metrics, type Readings, startMetrics } from './metrics/index.js';
export {
  type CallFacts,
  type EnqueueFacts,
  type OutboundFacts,
  operations,
  type Protocol,
  type RunFacts,
  type SendingFacts,
  type UnderWay,
} from './operations.js';
export {
  readPairs,
  SAMPLERS,
  type SamplerName,
  startTracing,
  type Tracing,
  type TracingOptions,
} from './tracing/index.js';
