import type { Config } from './config.js';
import { buildHouse } from './house.js';
import type { Logger } from './observability/index.js';
import { createInterceptors, openServices, routes, services } from './rpc/index.js';
import { createTokenVerifier, loadAdminToken } from './security/index.js';
import { healthService, reflectionServices, startServer } from './transport/index.js';

export interface App {
  /** Where the service can be reached. */
  url: string;
  /** The bearer token, when this start made it: to be shown once. */
  madeToken: string | undefined;
  /** Finishes what is in flight for `graceMs` milliseconds at most, and ends. */
  close(graceMs: number): Promise<void>;
}

/** The service: the house, and its door. */
export async function startApp(options: { config: Config; logger: Logger; onFailure?: (error: Error) => void }): Promise<App> {
  const { config, logger } = options;
  const house = await buildHouse(options);
  try {
    const { token, made } = await loadAdminToken(config);
    const reflection = !config.production;
    const server = await startServer({
      host: config.host,
      port: config.port,
      tls: config.tls,
      services,
      routes: routes(house),
      interceptors: createInterceptors({
        logger,
        inLane: (name, work) => house.database.inLane(name, work),
        verify: createTokenVerifier([token]),
        openServices: [...openServices, healthService, ...(reflection ? reflectionServices : [])],
      }),
      // In production a caller brings the proto files.
      reflection,
      corsOrigins: config.corsOrigins,
      ready: house.ready,
      logger,
    });
    return {
      url: server.url,
      madeToken: made ? token : undefined,
      async close(graceMs) {
        await server.close(graceMs);
        await house.close();
      },
    };
  } catch (error) {
    await house.close();
    throw error;
  }
}
