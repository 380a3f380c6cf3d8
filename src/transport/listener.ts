import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';

/** Serves HTTP/1.1 and HTTP/2 alike. */
export type RequestHandler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

export interface Timeouts {
  /**
   * Until the first bytes of a connection, and until the headers of an HTTP/1.1 request are whole.
   * Milliseconds.
   */
  headersMs: number;
  /** Until an HTTP/1.1 request is whole. Milliseconds. */
  requestMs: number;
  /** Until an HTTP/2 connection without traffic is closed. Milliseconds. */
  idleMs: number;
}

export interface ListenOptions {
  host: string;
  /** 0 takes any that is free. */
  port: number;
  /** PEM texts; with them TLS with ALPN, without them plaintext. */
  tls?: { cert: string; key: string } | undefined;
  handler: RequestHandler;
  timeouts: Timeouts;
}

export interface Listener {
  port: number;
  /** Stops accepting, lets what is in flight finish for `graceMs` milliseconds, then cuts. */
  close(graceMs: number): Promise<void>;
}

const PREFACE = Buffer.from('PRI ');

/** Listens for HTTP/1.1 and HTTP/2 on one port: by ALPN with TLS, by the first bytes without. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const sockets = new Set<Socket>();
  const { front, h1 } = options.tls ? createTlsServer(options) : createPlainServer(options);
  const h2 = options.tls ? (front as http2.Http2SecureServer) : (h1.h2 as http2.Http2Server);
  h2.on('session', (session: http2.ServerHttp2Session) => {
    sessions.add(session);
    session.setTimeout(options.timeouts.idleMs, () => session.close());
    session.once('close', () => sessions.delete(session));
  });
  front.on('connection', (socket: Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  front.listen(options.port, options.host);
  await once(front, 'listening');
  return {
    port: (front.address() as AddressInfo).port,
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()));
      h1.server?.closeIdleConnections();
      for (const session of sessions) session.close();
      const idle = setInterval(() => h1.server?.closeIdleConnections(), 50);
      const cut = setTimeout(() => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearInterval(idle);
      clearTimeout(cut);
      // Its timer for slow requests would keep the process.
      h1.server?.close();
    },
  };
}

interface Servers {
  front: net.Server;
  h1: { server?: http.Server; h2?: http2.Http2Server };
}

function createTlsServer({ tls, handler, timeouts }: ListenOptions): Servers {
  const front = http2.createSecureServer({ ...tls, allowHTTP1: true }, handler as never);
  // What http.Server has of itself, the HTTP/1.1 side of a secure server takes as properties.
  Object.assign(front, { headersTimeout: timeouts.headersMs, requestTimeout: timeouts.requestMs });
  return { front: front as unknown as net.Server, h1: {} };
}

function createPlainServer({ handler, timeouts }: ListenOptions): Servers {
  const server = http.createServer(
    {
      headersTimeout: timeouts.headersMs,
      requestTimeout: timeouts.requestMs,
      // How often the two are looked at; by itself Node does it every 30 seconds.
      connectionsCheckingInterval: Math.min(timeouts.headersMs, 5_000),
      noDelay: true,
    },
    handler,
  );
  const h2 = http2.createServer(handler as never);
  // Without it a server that never listens itself does not enforce its time-outs.
  server.emit('listening');
  const front = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.setTimeout(timeouts.headersMs, () => socket.destroy());
    let seen = Buffer.alloc(0);
    const look = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      const compared = Math.min(seen.length, PREFACE.length);
      const mayBeH2 = seen.subarray(0, compared).equals(PREFACE.subarray(0, compared));
      if (mayBeH2 && compared < PREFACE.length) return;
      socket.off('data', look);
      socket.setTimeout(0);
      socket.pause();
      socket.unshift(seen);
      (mayBeH2 ? h2 : server).emit('connection', socket);
      // An HTTP/2 session takes what was put back itself, and the rest from below: resuming would take it
      // away.
      if (!mayBeH2) socket.resume();
    };
    socket.on('data', look);
  });
  return { front, h1: { server, h2 } };
}
