import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Build } from '../build.js';
import type { Metrics } from './metrics.js';
import { observeProcess } from './process-metrics.js';
import { observeStanding } from './standing-metrics.js';
import { observeWork } from './work-metrics.js';

/** Begins to count and measure. */
export function measure(build: Build): Metrics {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter('smartid-integrations');
  const work = observeWork(meter);
  const endProcess = observeProcess(meter);
  meter
    .createObservableGauge('smartid_build_info', { description: 'What is running; always 1' })
    .addCallback((result) => result.observe(1, { ...build, commit: build.commit ?? '' }));
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  return {
    show(readings) {
      work.expect(readings.providers());
      observeStanding(meter, readings);
    },
    text: async () => serializer.serialize((await reader.collect()).resourceMetrics),
    async close() {
      work.end();
      endProcess();
      await provider.shutdown();
    },
  };
}
