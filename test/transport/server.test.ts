import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { Health } from '../../gen/grpc/health/v1/health_pb.js';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { createLogger } from '../../src/observability/index.js';
import { errorMapper } from '../../src/rpc/index.js';
import { type RunningServer, type ServerOptions, startServer } from '../../src/transport/index.js';
import { tempFolder } from '../support/temp-folder.js';

const servers: RunningServer[] = [];
const gate: { open?: () => void } = {};

/** The server alone, with a service behind it that is made for the test. */
async function open(options: Partial<ServerOptions> = {}): Promise<RunningServer> {
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
          for (let i = 0; i < 3; i++) yield { mapping: { externalId: String(i) } };
          if (pageSize === 0) throw new Error('broken');
        },
      });
    },
    interceptors: [],
    reflection: false,
    corsOrigins: ['https://app.school.cl'],
    ready: async () => true,
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

describe('the port', () => {
  it('cuts off clients who say nothing, who stop halfway in their headers, or after the first letter of HTTP/2', async () => {
    const { port } = await open({ timeouts: { headersMs: 300, requestMs: 300 } });
    for (const start of ['', 'GET / HTTP/1.1\r\nHost: x\r\n', 'PRI']) {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      await once(socket, 'connect');
      if (start) socket.write(start);
      await once(socket, 'close');
    }
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).to.equal(200);
  });

  it('tells HTTP/2 from HTTP/1.1 though the first bytes come one by one', async () => {
    const { port } = await open();
    const h1 = net.connect(port, '127.0.0.1');
    for (const byte of 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n') h1.write(byte);
    let text = '';
    for await (const chunk of h1) text += chunk;
    expect(text).to.match(/^HTTP\/1\.1 200/);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ':path': '/healthz' });
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    expect(headers[':status']).to.equal(200);
    stream.close();
    session.close();
  });

  it('speaks both over TLS, by ALPN', async () => {
    const folder = await tempFolder();
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        keyFile,
        '-out',
        certFile,
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
        '-addext',
        'subjectAltName=DNS:localhost,IP:127.0.0.1',
      ],
      { stdio: 'ignore' },
    );
    const [key, cert] = [await readFile(keyFile, 'utf8'), await readFile(certFile, 'utf8')];
    const { port, url } = await open({ tls: { key, cert } });
    expect(url).to.match(/^https:/);
    const status = await new Promise((resolve, reject) => {
      https
        .get({ host: '127.0.0.1', port, path: '/healthz', ca: cert, agent: false }, (response) =>
          resolve(response.statusCode),
        )
        .on('error', reject);
    });
    expect(status).to.equal(200);
    const client = createClient(Health, createGrpcTransport({ baseUrl: url, nodeOptions: { ca: cert } }));
    expect((await client.check({})).status).to.equal(1);
  });

  it('told to close lets a call in flight finish, and takes no new ones', async () => {
    const server = await open();
    const call = fetch(`${server.url}/providers`);
    while (!gate.open) await new Promise((resolve) => setImmediate(resolve));
    const closed = server.close(60_000);
    expect(await fetch(`${server.url}/healthz`).catch(() => 'refused')).to.equal('refused');
    gate.open();
    expect(await (await call).json()).to.have.length(1);
    await closed;
  });

  it('is not ready while the database is away, and says so to gRPC too', async () => {
    const { url } = await open({ ready: async () => false });
    expect((await fetch(`${url}/readyz`)).status).to.equal(503);
    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
    const client = createClient(Health, createGrpcTransport({ baseUrl: url }));
    expect((await client.check({})).status).to.equal(2);
  });

  it('lets scripts of its origins call, and no others', async () => {
    const { url } = await open();
    const preflight = (origin: string) => {
      return fetch(`${url}/integrations`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PATCH' },
      });
    };
    const good = await preflight('https://app.school.cl');
    expect(good.status).to.equal(204);
    expect(good.headers.get('access-control-allow-methods')).to.contain('PATCH');
    expect(good.headers.get('access-control-allow-headers')).to.contain('Authorization');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).to.equal(
      null,
    );
  });

  it('a list that breaks off midway is cut, never closed as if it were whole', async () => {
    const { url } = await open();
    const id = '00000000-0000-4000-8000-000000000001';
    const whole = await fetch(`${url}/integrations/${id}/mappings?pageSize=1`);
    expect(await whole.json()).to.have.length(3);
    const broken = await fetch(`${url}/integrations/${id}/mappings`)
      .then((response) => response.text())
      .catch(() => 'cut');
    expect(broken).to.equal('cut');
  });
});
