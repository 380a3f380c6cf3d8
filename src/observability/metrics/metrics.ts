import type { Readings } from './standing-metrics.js';

/** The metrics of this process. */
export interface Metrics {
  /** Shows how things stand, too, once there is somebody to ask. */
  show(readings: Readings): void;
  /** All of them in the text format of Prometheus. What cannot be read is left out. */
  text(): Promise<string>;
  close(): Promise<void>;
}
