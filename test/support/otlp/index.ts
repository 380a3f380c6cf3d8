export { type Collector, startCollector } from './collector.js';
export type { ReceivedSpan } from './read-spans.js';
