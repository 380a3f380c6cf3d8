import { DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from '../log.js';
import type { TracingOptions } from './options.js';

/** Spans that wait to be sent; a sync of a large school makes thousands within seconds. Beyond it they are dropped. */
const MOST_WAITING = 20_000;
const SEND_EVERY_MS = 2_000;
const MOST_IN_ONE = 1_000;
/** How often the log says that traces are lost, in milliseconds. */
const COMPLAIN_EVERY_MS = 60_000;

/** Makes spans and sends them to the collector. */
export function createProvider(options: TracingOptions, logger: Logger): TracerProvider {
  const { url, headers, timeoutMs, resource } = options;
  complainTo(logger);
  const exporter = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: timeoutMs });
  return new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ ...resource })),
    sampler: samplerOf(options),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: MOST_WAITING,
        maxExportBatchSize: MOST_IN_ONE,
        scheduledDelayMillis: SEND_EVERY_MS,
      }),
    ],
  });
}

function samplerOf({ sampler, ratio }: TracingOptions): Sampler {
  const own = sampler.replace('parentbased_', '');
  const root =
    own === 'always_on'
      ? new AlwaysOnSampler()
      : own === 'always_off'
        ? new AlwaysOffSampler()
        : new TraceIdRatioBasedSampler(ratio);
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

/** The exporter tells of each batch that it lost; a collector that is away would fill the log. */
function complainTo(logger: Logger): void {
  let next = 0;
  const complain = (message: string, ...rest: unknown[]) => {
    if (performance.now() < next) return;
    next = performance.now() + COMPLAIN_EVERY_MS;
    logger.warn({ reason: [message, ...rest].map(String).join(' ').slice(0, 500) }, 'traces are lost');
  };
  const silent = () => {};
  diag.setLogger(
    { error: complain, warn: complain, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
