import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { Health } from '../../gen/grpc/health/v1/health_pb.js';
import { RosterService } from '../../gen/smartid/roster/v1/roster_service_pb.js';
import { makeCertificate } from '../support/certificate.js';
import { gate, openServer } from '../support/transport.js';

describe('the port', () => {
  it('cuts off clients who say nothing, who stop halfway in their headers, or after the first letter of HTTP/2', async () => {
    const { port } = await openServer({ timeouts: { headersMs: 300, requestMs: 300 } });
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
    const { port } = await openServer();
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
    const { key, cert } = await makeCertificate();
    const { port, url } = await openServer({ tls: { key, cert } });
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
    const server = await openServer();
    const call = fetch(`${server.url}/providers`);
    while (!gate.open) await new Promise((resolve) => setImmediate(resolve));
    const closed = server.close(60_000);
    expect(await fetch(`${server.url}/healthz`).catch(() => 'refused')).to.equal('refused');
    gate.open();
    expect(await (await call).json()).to.have.length(1);
    await closed;
  });

  it('told to close waits for nobody who has not said anything', async function () {
    this.timeout(10_000);
    const { port, close } = await openServer({ timeouts: { headersMs: 60_000 } });
    const sockets = [net.connect(port, '127.0.0.1'), net.connect(port, '127.0.0.1')];
    for (const socket of sockets) {
      socket.on('error', () => {});
      await once(socket, 'connect');
    }
    sockets[1]?.write('PRI');
    await close(60_000);
  });

  it('told to close waits over TLS for nobody who has not asked anything', async function () {
    this.timeout(10_000);
    const { key, cert } = await makeCertificate();
    const { port, close } = await openServer({ tls: { key, cert }, timeouts: { headersMs: 60_000 } });
    const silent = net.connect(port, '127.0.0.1');
    await once(silent, 'connect');
    // The beginning of a handshake that goes no further.
    const halfway = net.connect(port, '127.0.0.1');
    await once(halfway, 'connect');
    halfway.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]));
    const agreed = await Promise.all(
      [['http/1.1'], ['h2'], ['http/1.1']].map(async (ALPNProtocols) => {
        const socket = tls.connect({ port, host: '127.0.0.1', ca: cert, ALPNProtocols });
        await once(socket, 'secureConnect');
        return socket;
      }),
    );
    agreed[2]?.write('GET /hea');
    for (const socket of [silent, halfway, ...agreed]) {
      socket.on('error', () => {});
      socket.resume();
    }
    await close(60_000);
  });

  it('told to close ends health watches and streams at once, over each protocol', async () => {
    const server = await openServer();
    const watch = async (client: Client<typeof Health>) => {
      const seen: number[] = [];
      try {
        for await (const { status } of client.watch({})) {
          seen.push(status);
          watching();
        }
      } catch (error) {
        return `${seen} ${ConnectError.from(error).code}`;
      }
      return 'ended';
    };
    let begun = 0;
    let watching = () => {};
    const all = new Promise<void>((resolve) => {
      watching = () => {
        begun += 1;
        if (begun === 2) resolve();
      };
    });
    const ends = Promise.all([
      watch(createClient(Health, createGrpcTransport({ baseUrl: server.url }))),
      watch(createClient(Health, createConnectTransport({ baseUrl: server.url, httpVersion: '1.1' }))),
    ]);
    await all;
    const start = performance.now();
    await server.close(60_000);
    expect(await ends).to.deep.equal([`1 ${Code.Unavailable}`, `1 ${Code.Unavailable}`]);
    expect(performance.now() - start).to.be.below(10_000);
  });

  it('a path that begins with two slashes is a path that is not there', async () => {
    const { port } = await openServer();
    for (const path of ['//', '//x', '///', '/%', 'http://x//', 'http://[', '*']) {
      const socket = net.connect(port, '127.0.0.1');
      socket.end(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      let text = '';
      for await (const chunk of socket) text += chunk;
      expect(text, path).to.match(/^HTTP\/1\.1 404/);
    }
  });

  it('a Host that is none is a bad request, and the service goes on', async () => {
    const { port, url } = await openServer();
    const socket = net.connect(port, '127.0.0.1');
    const path = '/smartid.integrations.v1.IntegrationService/ListProviders';
    socket.end(`GET ${path} HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).to.match(/^HTTP\/1\.1 400/);
    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
  });

  it('is not ready while the database is away, and says so to gRPC too', async () => {
    const { url } = await openServer({ obstacles: async () => ['The database does not answer.'] });
    const probe = await fetch(`${url}/readyz`);
    expect(probe.status).to.equal(503);
    expect(await probe.json()).to.deep.equal({
      status: 'unavailable',
      problems: ['The database does not answer.'],
    });
    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
    const client = createClient(Health, createGrpcTransport({ baseUrl: url }));
    expect((await client.check({})).status).to.equal(2);
  });

  it('lets scripts of its origins call, and no others', async () => {
    const { url } = await openServer();
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
    const refused = await preflight('https://evil.example');
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).to.deep.equal([403, null]);
    expect(((await refused.json()) as { message: string }).message).to.match(/evil\.example.*CORS_ORIGINS/);
  });

  it('a body that is no object, where the path has values for it, is told, and no fault of the service', async () => {
    const { url } = await openServer({ services: [RosterService], routes: () => {} });
    const id = '00000000-0000-4000-8000-000000000001';
    for (const body of ['"text"', '7', '[1]']) {
      const answer = await fetch(`${url}/institutions/${id}/class-sessions/${id}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body,
      });
      expect([answer.status, await answer.text()].join(' '), body).to.match(/^400 .*must be a JSON object/);
    }
  });

  it('a list that breaks off midway is cut, never closed as if it were whole', async () => {
    const { url } = await openServer();
    const id = '00000000-0000-4000-8000-000000000001';
    const whole = await fetch(`${url}/integrations/${id}/mappings?pageSize=1`);
    expect(await whole.json()).to.have.length(3);
    // Longer than what is written at once.
    const broken = await fetch(`${url}/integrations/${id}/mappings?pageSize=100000`)
      .then((response) => response.text())
      .catch(() => 'cut');
    expect(broken).to.equal('cut');
  });

  it('a list that breaks before any of it is out is an error', async () => {
    const { url } = await openServer();
    const answer = await fetch(`${url}/integrations/00000000-0000-4000-8000-000000000001/mappings`);
    expect(answer.status).to.equal(500);
    expect(await answer.json()).to.include({ code: 'internal' });
  });
});
