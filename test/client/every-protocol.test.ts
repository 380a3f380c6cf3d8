import { createServer as createHttp1, type RequestListener } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { createIntegrationsClient, type IntegrationsClient } from '@smartid/integrations-client';
import { createIntegrationsClient as createBrowserClient } from '@smartid/integrations-client/browser';
import { expect } from 'chai';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';

const CLIENTS: Record<string, { http2?: boolean; make: (baseUrl: string) => IntegrationsClient }> = {
  Connect: { make: (baseUrl) => createIntegrationsClient({ baseUrl }) },
  gRPC: { http2: true, make: (baseUrl) => createIntegrationsClient({ baseUrl, protocol: 'grpc' }) },
  'gRPC-Web': { make: (baseUrl) => createIntegrationsClient({ baseUrl, protocol: 'grpc-web' }) },
  'Connect by fetch': { make: (baseUrl) => createBrowserClient({ baseUrl }) },
  'gRPC-Web by fetch': { make: (baseUrl) => createBrowserClient({ baseUrl, protocol: 'grpc-web' }) },
};

describe('the typed client waits as long as Retry-After says', () => {
  const open: Server[] = [];
  const connections = new Set<Socket>();
  after(() => {
    for (const server of open) server.close();
    for (const connection of connections) connection.destroy();
  });

  for (const [protocol, { http2 = false, make }] of Object.entries(CLIENTS)) {
    it(`by ${protocol}`, async () => {
      const asked: number[] = [];
      const handler = connectNodeAdapter({
        routes: (router) =>
          router.rpc(IntegrationService.method.listProviders, () => {
            asked.push(performance.now());
            if (asked.length > 1) return { providers: [{ provider: 'MOODLE' }] };
            throw new ConnectError('busy', Code.Aborted, { 'retry-after': '1' });
          }),
      });
      const server = http2 ? createHttp2(handler) : createHttp1(handler as RequestListener);
      open.push(server);
      server.on('connection', (socket: Socket) => connections.add(socket));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const { providers } = await make(`http://127.0.0.1:${port}`).listProviders({});
      expect(providers).to.have.length(1);
      const [first = 0, second = 0] = asked;
      expect(second - first).to.be.within(950, 10_000);
    });
  }
});
