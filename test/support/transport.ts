import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { createLogger } from '../../src/observability/index.js';
import { errorMapper } from '../../src/rpc/index.js';
import { type RunningServer, type ServerOptions, startServer } from '../../src/transport/index.js';

const servers: RunningServer[] = [];
/** Lets the call of ListProviders under way end. */
export const gate: { open?: () => void } = {};

/** The server alone, with a service behind it that is made for the test. */
export async function openServer(options: Partial<ServerOptions> = {}): Promise<RunningServer> {
  const server = await startServer({
    host: '127.0.0.1',
    port: 0,
    services: [IntegrationService],
    routes: (router) => {
      router.service(IntegrationService, {
        listProviders: async () => {
          await new Promise<void>((resolve) => {
            gate.open = resolve;
          });
          return { providers: [{ provider: 'X' }] };
        },
        async *streamMappings({ pageSize }) {
          for (let i = 0; i < 3; i++) yield { mapping: { externalId: String(i).repeat(pageSize || 1) } };
          if (pageSize !== 1) throw new Error('broken');
        },
      });
    },
    interceptors: [],
    reflection: false,
    corsOrigins: ['https://app.school.cl'],
    obstacles: async () => [],
    admit: () => 'caller',
    mapError: errorMapper(createLogger({ level: 'silent' })),
    logger: createLogger({ level: 'silent' }),
    ...options,
  });
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});
