import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';
import { SCHEMA_VERSION } from './database/index.js';
import {
  type Logger,
  METRICS_TYPE,
  type Readings,
  readBuild,
  readPairs,
  startMetrics,
  startTracing,
} from './observability/index.js';
import type { Page } from './transport/index.js';

/** What the service shows of itself to whoever operates it. */
export interface Telemetry {
  /** `/metrics` and `/version`. */
  pages: readonly Page[];
  /** Shows how the services stand, once there are any. */
  show(readings: Readings): void;
  /** Sends what is left of the traces, and ends. */
  close(): Promise<void>;
}

/** The folder with package.json, seen from the built file. */
const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));

/** Begins to measure, and to trace where it is configured. */
export async function startTelemetry({
  config,
  logger,
}: {
  config: Config;
  logger: Logger;
}): Promise<Telemetry> {
  const { tracing: options, metricsOpen, commit } = config.telemetry;
  const build = readBuild(PACKAGE, { commit, schema: SCHEMA_VERSION });
  const metrics = await startMetrics(build);
  const tracing =
    options &&
    (await startTracing(
      {
        ...options,
        headers: readPairs(options.headers.reveal()) ?? {},
        resource: { 'service.version': build.version, ...options.resource },
      },
      logger,
    ));
  const version = JSON.stringify({ ...build, commit: build.commit ?? null });
  return {
    show: (readings) => metrics.show(readings),
    pages: [
      {
        path: '/metrics',
        refusal: metricsOpen
          ? undefined
          : 'Metrics need the header "Authorization: Bearer <token>" with a good token. Its operator can show them to all with METRICS_OPEN=true.',
        read: async () => ({ contentType: METRICS_TYPE, body: await metrics.text() }),
      },
      {
        path: '/version',
        refusal: undefined,
        read: async () => ({ contentType: 'application/json', body: version }),
      },
    ],
    async close() {
      await tracing?.close();
      await metrics.close();
    },
  };
}
