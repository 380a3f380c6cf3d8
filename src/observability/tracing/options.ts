/** Which traces are kept, by the names of OpenTelemetry. */
export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

export interface TracingOptions {
  /** Where traces go by OTLP over HTTP: the whole address, `https://collector.example/v1/traces`. */
  url: string;
  /** Headers of those calls. They hold credentials. */
  headers: Readonly<Record<string, string>>;
  /** Milliseconds that one of them may take. */
  timeoutMs: number;
  sampler: SamplerName;
  /** The share of traces that `traceidratio` keeps, 0 to 1. */
  ratio: number;
  /** What traces say of the service, `service.name` among it. */
  resource: Readonly<Record<string, string>>;
  /** Hosts of school systems that are sent `traceparent`; to all others nothing goes. */
  outboundHosts: readonly string[];
}

/** The traces of this process. */
export interface Tracing {
  /** Sends what is left, and ends. */
  close(): Promise<void>;
}

/** A list `name=value,name=value` whose values are percent-encoded; undefined when it is none. */
export function readPairs(text: string): Record<string, string> | undefined {
  const pairs: Record<string, string> = {};
  for (const entry of text.split(',')) {
    if (entry.trim() === '') continue;
    const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(entry) ?? [];
    if (name === undefined || value === undefined) return undefined;
    try {
      pairs[decodeURIComponent(name)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return pairs;
}
