import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { expect } from 'chai';
import { validation } from '../../src/rpc/interceptors/validation.js';
import { makeCertificate } from '../support/certificate.js';
import { openServer } from '../support/transport.js';
import { until } from '../support/until.js';

const TIMEOUTS = { headersMs: 300, requestMs: 600 };
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** A SETTINGS frame without settings. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** Streams that one connection breaks off; RAPID_RESETS=4000 for a long look. */
const RESETS = Number(process.env.RAPID_RESETS ?? 500);
const RPC = '/smartid.integrations.v1.IntegrationService/ListProviders';
const STREAM = '/smartid.integrations.v1.IntegrationService/StreamMappings';

async function untilCut(socket: net.Socket, ...sent: (string | Buffer)[]): Promise<string> {
  socket.on('error', () => {});
  let seen = '';
  socket.on('data', (chunk) => {
    seen += String(chunk);
  });
  await once(socket, socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect');
  for (const bytes of sent) socket.write(bytes);
  await once(socket, 'close');
  return seen;
}

const SLOW_POST = `POST ${RPC} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`;

const WATCH = {
  ':path': '/grpc.health.v1.Health/Watch',
  ':method': 'POST',
  'content-type': 'application/grpc',
  te: 'trailers',
};

/** A proxy that can stop to pass anything on, and sees when the port closes the connection. */
async function brittleProxy(port: number) {
  let isFrozen = false;
  let isCut = false;
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    client.on('error', () => {}).on('data', (chunk) => isFrozen || upstream.write(chunk));
    upstream.on('error', () => {}).on('data', (chunk) => isFrozen || client.write(chunk));
    upstream.once('close', () => {
      isCut = true;
      client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    freeze() {
      isFrozen = true;
    },
    isCut: () => isCut,
    close: () => server.close(),
  };
}

describe('the port cuts off', () => {
  it('HTTP/2 clients who send the preface, or half of it, and nothing more, or ask nothing', async () => {
    const { port } = await openServer({ timeouts: TIMEOUTS });
    await Promise.all(
      [['PRI '], [PREFACE], [PREFACE, SETTINGS]].map((sent) =>
        untilCut(net.connect(port, '127.0.0.1'), ...sent),
      ),
    );
  });

  it('over TLS too whoever says nothing, nothing after the handshake, or stops in a request', async () => {
    const { key, cert } = await makeCertificate();
    const { port } = await openServer({ tls: { key, cert }, timeouts: TIMEOUTS });
    const connect = (...protocols: string[]) =>
      tls.connect({ port, host: '127.0.0.1', ca: cert, ALPNProtocols: protocols });
    await Promise.all([
      untilCut(net.connect(port, '127.0.0.1')),
      untilCut(connect()),
      untilCut(connect('http/1.1')),
      untilCut(connect('h2')),
      untilCut(connect('h2'), PREFACE),
      untilCut(connect('http/1.1'), 'GET / HTTP/1.1\r\nHost: x\r\n'),
    ]);
    expect(await untilCut(connect('http/1.1'), SLOW_POST)).to.match(/^HTTP\/1\.1 408/);
  });

  it('a request over HTTP/2 whose body does not end, with the time-out of HTTP/1.1', async () => {
    const { url } = await openServer({ timeouts: TIMEOUTS });
    const session = http2.connect(url);
    const ends = Array.from({ length: 90 }, async () => {
      const stream = session.request({ ':path': RPC, ':method': 'POST', 'content-type': 'application/json' });
      stream.on('error', () => {});
      stream.write('{');
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      stream.resume();
      await once(stream, 'close');
      return headers[':status'];
    });
    expect(new Set(await Promise.all(ends))).to.deep.equal(new Set([408]));
    const drip = session.request({ ':path': RPC, ':method': 'POST', 'content-type': 'application/grpc' });
    drip.on('error', () => {});
    const timer = setInterval(() => drip.write(Buffer.from([0])), 20);
    await once(drip, 'close');
    clearInterval(timer);
    session.destroy();
  });

  it('an HTTP/2 client with a health watch who is not there any more', async () => {
    const { port } = await openServer({ timeouts: { ...TIMEOUTS, pingMs: 100 } });
    const between = await brittleProxy(port);
    const session = http2.connect(between.url);
    session.on('error', () => {});
    const watch = session.request({ ...WATCH });
    watch.on('error', () => {});
    watch.end(Buffer.alloc(5));
    await once(watch, 'data');
    expect(between.isCut()).to.equal(false);
    // Its connection stands, and nothing comes from it any more.
    between.freeze();
    await until(between.isCut);
    session.destroy();
    between.close();
  });

  it('no HTTP/2 client with a health watch who is there, however long it says nothing', async () => {
    const { url } = await openServer({ timeouts: { ...TIMEOUTS, pingMs: 50 } });
    const session = http2.connect(url);
    let pings = 0;
    let isClosed = false;
    session.on('ping', () => {
      pings += 1;
    });
    session.on('close', () => {
      isClosed = true;
    });
    const watch = session.request({ ...WATCH });
    watch.on('error', () => {});
    watch.resume();
    watch.end(Buffer.alloc(5));
    await until(() => pings > 20);
    expect(isClosed).to.equal(false);
    session.destroy();
  });

  it('a connection that breaks off hundreds of streams, and serves all others meanwhile', async () => {
    const begun = { count: 0 };
    const { url } = await openServer({
      interceptors: [
        (next) => (request) => {
          begun.count += 1;
          return next(request);
        },
      ],
    });
    const session = http2.connect(url);
    session.on('error', () => {});
    const goneAway = once(session, 'goaway');
    const served = fetch(`${url}/healthz`);
    for (let i = 0; i < RESETS; i++) {
      const stream = session.request({ ':path': RPC, ':method': 'POST', 'content-type': 'application/grpc' });
      stream.on('error', () => {});
      stream.end(Buffer.alloc(5));
      stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    const [code] = (await goneAway) as [number];
    expect(code).to.equal(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(begun.count).to.be.below(200);
    expect((await served).status).to.equal(200);
    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
  });

  it('bodies that one connection leaves unfinished beyond 16 MiB', async () => {
    const { url } = await openServer();
    const session = http2.connect(url, { settings: { initialWindowSize: 1 << 20 } });
    const statuses: Promise<unknown>[] = [];
    const chunk = Buffer.alloc(64 * 1024, ' ');
    for (let i = 0; i < 8; i++) {
      const stream = session.request({ ':path': RPC, ':method': 'POST', 'content-type': 'application/json' });
      stream.on('error', () => {});
      statuses.push(once(stream, 'response').then(([headers]) => headers[':status']));
      // 3 MiB, and no end.
      for (let sent = 0; sent < 48; sent++) stream.write(chunk);
    }
    expect(await Promise.race(statuses)).to.equal(429);
    session.destroy();
  });
});

describe('the port keeps', () => {
  for (const type of ['application/grpc-web+proto', 'application/connect+proto'])
    it(`the connection of a caller whose stream was refused before the end of his body: ${type}`, async () => {
      const { port } = await openServer({ interceptors: [validation()] });
      const socket = net.connect(port, '127.0.0.1');
      let isCut = false;
      let seen = '';
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        seen += String(chunk);
      });
      socket.once('close', () => {
        isCut = true;
      });
      const rest = Buffer.alloc(100_000);
      const message = Buffer.alloc(5);
      const head = `POST ${STREAM} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n`;
      socket.write(`${head}Content-Length: ${message.length + rest.length}\r\n\r\n`);
      socket.write(message);
      await until(() => seen.endsWith('\r\n0\r\n\r\n'));
      socket.write(rest);
      // Longer than somebody who does not send it all is waited for.
      const end = performance.now() + 6_000;
      while (!isCut && performance.now() < end) {
        seen = '';
        socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
        await until(() => isCut || seen.includes('{"status":"ok"}'));
      }
      expect(isCut).to.equal(false);
      socket.destroy();
    });
});
