import { z } from 'zod';
import { isAllowEntry, webAddress } from './connectors/index.js';
import { readPairs, SAMPLERS, type TracingOptions } from './observability/index.js';
import { listOf, optional } from './optional-variable.js';
import { Secret } from './secret.js';

/** Everything that the environment decides of metrics and traces. */
export interface TelemetryConfig {
  /** Whether metrics are shown without a token. */
  metricsOpen: boolean;
  /** The commit of Git that is running; undefined: that of the checkout, if it is one. */
  commit: string | undefined;
  /** Where and how traces go; undefined: nowhere. Its headers are `name=value,…`. */
  tracing: (Omit<TracingOptions, 'headers'> & { headers: Secret }) | undefined;
}

const flag = () => optional(z.enum(['true', 'false'], { error: 'must be true or false' }).default('false'));
const pairs = () =>
  optional(
    z
      .string()
      .default('')
      .refine(
        (text) => readPairs(text) !== undefined,
        'must be name=value pairs, comma separated, with values percent-encoded',
      ),
  );
const endpoint = () =>
  optional(webAddress('the address of a collector, such as http://127.0.0.1:4318').optional());

/** The variables, most under the names that OpenTelemetry gives them. */
export const telemetryVariables = {
  METRICS_OPEN: flag(),
  COMMIT_SHA: optional(
    z
      .string()
      .regex(/^[0-9a-f]{7,64}$/, 'must be the hash of a commit')
      .optional(),
  ),
  OTEL_SDK_DISABLED: flag(),
  OTEL_TRACES_EXPORTER: optional(z.enum(['otlp', 'none'], { error: 'must be otlp or none' }).default('otlp')),
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs(),
  OTEL_EXPORTER_OTLP_PROTOCOL: optional(
    z
      .literal('http/protobuf', {
        error: 'must be http/protobuf, which collectors take on port 4318; nothing else is spoken',
      })
      .optional(),
  ),
  OTEL_EXPORTER_OTLP_TIMEOUT: optional(
    z
      .string()
      .default('10000')
      .refine((text) => /^[1-9]\d{0,5}$/.test(text), 'must be a number of milliseconds, at most 999999')
      .transform(Number),
  ),
  OTEL_SERVICE_NAME: optional(z.string().optional()),
  OTEL_RESOURCE_ATTRIBUTES: pairs(),
  OTEL_TRACES_SAMPLER: optional(
    z.enum(SAMPLERS, { error: `must be one of ${SAMPLERS.join(', ')}` }).default('parentbased_always_on'),
  ),
  OTEL_TRACES_SAMPLER_ARG: optional(
    z
      .string()
      .default('1')
      .refine(
        (text) => /^\d*\.?\d+$/.test(text) && Number(text) <= 1,
        'must be a share from 0 to 1, such as 0.1',
      )
      .transform(Number),
  ),
  TRACEPARENT_HOSTS: optional(
    z
      .string()
      .default('')
      .transform((text) => listOf(text.toLowerCase()))
      .refine(
        (hosts) => hosts.every((host) => isAllowEntry(host.replace(/:\d{1,5}$/, ''))),
        'must be host names, with a port or without, comma separated',
      ),
  ),
};

const schema = z.object(telemetryVariables);

/** What the variables come to. */
export function telemetryConfig(vars: z.infer<typeof schema>): TelemetryConfig {
  return {
    metricsOpen: vars.METRICS_OPEN === 'true',
    commit: vars.COMMIT_SHA,
    tracing: tracingOf(vars),
  };
}

function tracingOf(vars: z.infer<typeof schema>): TelemetryConfig['tracing'] {
  const base = vars.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, '');
  // The address of all signals is one that paths are appended to; that of traces alone is whole.
  const url = vars.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && `${base}/v1/traces`);
  if (!url || vars.OTEL_SDK_DISABLED === 'true' || vars.OTEL_TRACES_EXPORTER === 'none') return undefined;
  return {
    url,
    headers: new Secret(vars.OTEL_EXPORTER_OTLP_HEADERS),
    timeoutMs: vars.OTEL_EXPORTER_OTLP_TIMEOUT,
    sampler: vars.OTEL_TRACES_SAMPLER,
    ratio: vars.OTEL_TRACES_SAMPLER_ARG,
    resource: {
      'service.name': 'smartid-integrations',
      ...readPairs(vars.OTEL_RESOURCE_ATTRIBUTES),
      ...(vars.OTEL_SERVICE_NAME && { 'service.name': vars.OTEL_SERVICE_NAME }),
    },
    outboundHosts: vars.TRACEPARENT_HOSTS,
  };
}
