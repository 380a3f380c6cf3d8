import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADMIN, onBehalfOf } from './audit/index.js';
import type { Config } from './config.js';
import type { EmbeddedPostgresStart } from './database/embedded/index.js';
import type { Logger } from './observability/index.js';
import {
  admission,
  compileRules,
  createInterceptors,
  errorMapper,
  openServices,
  routes,
  services,
} from './rpc/index.js';
import { createTokenVerifier, loadAdminToken } from './security/index.js';
import { buildServices } from './services.js';
import { startTelemetry } from './telemetry.js';
import { assertListenable, healthService, reflectionServices, startServer } from './transport/index.js';

/** What `npm run build` makes of console/, beside the compiled service. */
const CONSOLE = join(dirname(fileURLToPath(import.meta.url)), '../console');

export interface App {
  /** Where the service can be reached. */
  url: string;
  /** The bearer token, when this start made it: to be shown once. */
  madeToken: string | undefined;
  /** Finishes what is in flight for `graceMs` milliseconds at most, and ends. */
  close(graceMs: number): Promise<void>;
}

/** The service: its parts, and the port they are reached by. */
export async function startApp(options: {
  config: Config;
  logger: Logger;
  /** The start of the embedded database, where it began before everything else. */
  begun?: EmbeddedPostgresStart | undefined;
  onFailure?: (error: Error) => void;
}): Promise<App> {
  const { config, logger } = options;
  // Before a database is made.
  await assertListenable(config);
  // Before the services: they take up runs of processes that died.
  const telemetry = await startTelemetry({ config, logger });
  const building = buildServices(options);
  // While the database answers; what is left then waits for nothing else.
  compileRules();
  const parts = await building.catch(async (error: unknown) => {
    await telemetry.close();
    throw error;
  });
  try {
    telemetry.show(parts.readings);
    const { token, made } = await loadAdminToken(config);
    const reflection = !config.production;
    const access = {
      verify: createTokenVerifier({ [ADMIN]: token, ...tokensOf(config) }),
      openServices: [...openServices, healthService, ...(reflection ? reflectionServices : [])],
    };
    const server = await startServer({
      host: config.host,
      port: config.port,
      tls: config.tls,
      services,
      routes: routes(parts),
      inCall: onBehalfOf,
      trustProxy: config.trustProxy,
      interceptors: createInterceptors({
        logger,
        recordRefusal: (refusal) => parts.refusals.record(refusal),
        inLane: (name, work) => parts.database.inLane(name, work),
        ...access,
      }),
      admit: admission(access),
      mapError: errorMapper(logger),
      // In production a caller brings the proto files.
      reflection,
      corsOrigins: config.corsOrigins,
      pages: telemetry.pages,
      consoleFolder: CONSOLE,
      obstacles: parts.obstacles,
      logger,
    });
    return {
      url: server.url,
      madeToken: made ? token : undefined,
      async close(graceMs) {
        await parts.drain();
        await server.close(graceMs);
        await parts.close();
        await telemetry.close();
      },
    };
  } catch (error) {
    await parts.close();
    await telemetry.close();
    throw error;
  }
}

function tokensOf({ apiTokens }: Config): Record<string, string> {
  return Object.fromEntries(Object.entries(apiTokens).map(([name, token]) => [name, token.reveal()]));
}
