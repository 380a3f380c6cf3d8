import { onBehalfOf } from './audit/index.js';
import type { Config } from './config.js';
import type { Logger } from './observability/index.js';
import { admission, createInterceptors, errorMapper, openServices, routes, services } from './rpc/index.js';
import { createTokenVerifier, loadAdminToken } from './security/index.js';
import { buildServices } from './services.js';
import { assertListenable, healthService, reflectionServices, startServer } from './transport/index.js';

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
  onFailure?: (error: Error) => void;
}): Promise<App> {
  const { config, logger } = options;
  // Before a database is made or touched.
  await assertListenable(config);
  const parts = await buildServices(options);
  try {
    const { token, made } = await loadAdminToken(config);
    const reflection = !config.production;
    const access = {
      verify: createTokenVerifier({ admin: token }),
      openServices: [...openServices, healthService, ...(reflection ? reflectionServices : [])],
    };
    const server = await startServer({
      host: config.host,
      port: config.port,
      tls: config.tls,
      services,
      routes: routes(parts),
      inCall: onBehalfOf,
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
      obstacles: parts.obstacles,
      logger,
    });
    return {
      url: server.url,
      madeToken: made ? token : undefined,
      async close(graceMs) {
        await server.close(graceMs);
        await parts.close();
      },
    };
  } catch (error) {
    await parts.close();
    throw error;
  }
}
