import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { Http2Sessions, MOST_STREAMS } from './http2-sessions.js';
import type { Timeouts } from './timeouts.js';

/** Serves HTTP/1.1 and HTTP/2 alike. */
export type RequestHandler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

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
  const sockets = new Set<Socket>();
  const h1 = createHttp1(options);
  h1.on('request', ({ socket }: http.IncomingMessage) => waiting.delete(socket));
  const sessions = new Http2Sessions(createHttp2(options), options.timeouts);
  const waiting = new WaitingSockets();
  let isClosing = false;
  const take = (socket: Socket, isHttp2: boolean) => {
    // Over TLS, in the place of the one below it.
    waiting.add(socket);
    if (isClosing) socket.destroy();
    else if (isHttp2) {
      waiting.delete(socket);
      sessions.take(socket);
    } else h1.emit('connection', socket);
  };
  const front = options.tls ? createTlsFront(options, take) : createPlainFront(options, take);
  front.on('connection', (socket: Socket) => {
    socket.setNoDelay(true);
    // Of a machine that is gone nothing comes any more, and HTTP/1.1 has no word to ask it.
    socket.setKeepAlive(true, options.timeouts.pingMs);
    sockets.add(socket);
    waiting.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      waiting.delete(socket);
    });
  });
  front.listen(options.port, options.host);
  await once(front, 'listening');
  return {
    port: (front.address() as AddressInfo).port,
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()));
      isClosing = true;
      waiting.destroy();
      h1.closeIdleConnections();
      sessions.close();
      const idle = setInterval(() => h1.closeIdleConnections(), 50);
      const cut = setTimeout(() => {
        sessions.destroy();
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearInterval(idle);
      clearTimeout(cut);
      // Its timer for slow requests would keep the process.
      h1.close();
    },
  };
}

/**
 * Connections that have asked nothing yet: at the end nobody waits for them. One over TLS is known by its
 * addresses first, since Node tells of its socket only after the handshake.
 */
class WaitingSockets {
  readonly #sockets = new Map<string, Socket>();
  /** A socket that is closed no longer has addresses. */
  readonly #keys = new WeakMap<Socket, string>();

  add(socket: Socket): void {
    const key = keyOf(socket);
    this.#keys.set(socket, key);
    this.#sockets.set(key, socket);
  }

  delete(socket: Socket): void {
    const key = this.#keys.get(socket);
    if (key !== undefined) this.#sockets.delete(key);
  }

  destroy(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}

/** What no two open connections have in common. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

/** Gets its connections from the front, and never listens itself. */
function createHttp1({ handler, timeouts }: ListenOptions): http.Server {
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
  // Without it a server that never listens itself does not enforce its time-outs.
  server.emit('listening');
  return server;
}

/**
 * The same for HTTP/2. A request begins on the next turn of the loop: one that was broken off in the same
 * breath, as thousands can be in one packet, is never begun.
 */
function createHttp2({ handler }: ListenOptions): http2.Http2Server {
  return http2.createServer({ settings: { maxConcurrentStreams: MOST_STREAMS } }, (request, response) => {
    setImmediate(() => {
      if (!request.stream.destroyed)
        handler(request as unknown as http.IncomingMessage, response as unknown as http.ServerResponse);
    });
  });
}

/** Hands a socket to the server of its protocol. */
type Take = (socket: Socket, isHttp2: boolean) => void;

function createTlsFront({ tls, timeouts }: ListenOptions, take: Take): net.Server {
  const alpn = { ALPNProtocols: ['h2', 'http/1.1'] };
  const front = createSecureServer({ ...tls, ...alpn, handshakeTimeout: timeouts.headersMs });
  // Node tells of a handshake that failed or took too long, and leaves the socket open.
  front.on('tlsClientError', (_, socket) => socket.destroy());
  front.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    take(socket, socket.alpnProtocol === 'h2');
  });
  return front;
}

function createPlainFront({ timeouts }: ListenOptions, take: Take): net.Server {
  return net.createServer((socket) => {
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
      take(socket, mayBeH2);
      // An HTTP/2 session takes what was put back itself, and the rest from below: resuming would take it
      // away.
      if (!mayBeH2) socket.resume();
    };
    socket.on('data', look);
  });
}
