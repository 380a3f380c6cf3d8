import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import type { Door } from './doors.js';

/** What a process of its own is told to do: calls by one door, by several clients at once. */
export interface Load {
  port: number;
  token: string;
  door: Door;
  clients: number;
  seconds: number;
}

/** Calls before those that count: what is measured is a server that is warm. */
const WARM_UP = 300;

/** Calls a second, of clients that each wait for their answer. */
async function measure({ clients, seconds }: Load, calls: (() => Promise<void>)[]): Promise<number> {
  const run = async (goesOn: () => boolean) => {
    let made = 0;
    const client = async (call: () => Promise<void>) => {
      while (goesOn()) {
        made += 1;
        await call();
      }
    };
    await Promise.all(calls.map(client));
    return made;
  };
  let left = Math.max(WARM_UP, clients);
  await run(() => left-- > 0);
  const start = performance.now();
  const made = await run(() => performance.now() - start < seconds * 1_000);
  return (made * 1_000) / (performance.now() - start);
}

/** By sockets and the bytes of a request: a client that takes as little as can be from the server's processor. */
async function overHttp(load: Load): Promise<number> {
  const { port, token, door, clients } = load;
  const head = [
    `${door.method} ${door.path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${token}`,
    ...(door.body ? [`Content-Type: ${door.contentType}`, `Content-Length: ${door.body.length}`] : []),
  ];
  const request = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), door.body ?? Buffer.alloc(0)]);
  const sockets = await Promise.all(
    Array.from({ length: clients }, async () => {
      const socket = net.connect(port, '127.0.0.1').setNoDelay(true);
      await once(socket, 'connect');
      return socket;
    }),
  );
  try {
    return await measure(
      load,
      sockets.map((socket) => () => exchange(socket, request)),
    );
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function exchange(socket: net.Socket, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0;
    let wanted = -1;
    let head: Buffer = Buffer.alloc(0);
    const done = (error?: Error) => {
      socket.off('data', read).off('error', done);
      if (error) reject(error);
      else resolve();
    };
    const read = (piece: Buffer) => {
      seen += piece.length;
      if (wanted < 0) {
        head = head.length === 0 ? piece : Buffer.concat([head, piece]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        const text = head.toString('latin1', 0, end);
        if (!text.startsWith('HTTP/1.1 200')) return done(new Error(head.toString()));
        const length = /content-length: *(\d+)/i.exec(text)?.[1];
        wanted = length === undefined ? 0 : end + 4 + Number(length);
      }
      // Chunked: the last one is empty.
      if (wanted === 0 ? piece.subarray(-5).equals(LAST_CHUNK) : seen >= wanted) done();
    };
    socket.on('data', read).on('error', done);
    socket.write(request);
  });
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** By one HTTP/2 connection; answers are not decoded. */
async function overGrpc(load: Load): Promise<number> {
  const { port, token, door, clients } = load;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const headers = {
    ':method': 'POST',
    ':path': door.path,
    'content-type': door.contentType,
    te: 'trailers',
    authorization: `Bearer ${token}`,
  };
  const call = () =>
    new Promise<void>((resolve, reject) => {
      const stream = session.request(headers);
      let status: unknown;
      stream.on('trailers', (trailers) => {
        status = trailers['grpc-status'];
      });
      stream.once('error', reject);
      stream.once('close', () => (status === '0' ? resolve() : reject(new Error(`grpc-status ${status}`))));
      stream.resume().end(door.body);
    });
  try {
    return await measure(load, Array(clients).fill(call));
  } finally {
    session.close();
  }
}

process.on('message', (told: Omit<Load, 'door'> & { door: Omit<Door, 'body'> & { body?: string } }) => {
  const { body } = told.door;
  const load = { ...told, door: { ...told.door, body: body ? Buffer.from(body, 'base64') : undefined } };
  (load.door.protocol === 'grpc' ? overGrpc(load) : overHttp(load)).then(
    (rate) => process.send?.({ rate }),
    (error) => process.send?.({ error: String(error) }),
  );
});
