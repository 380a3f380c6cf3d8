import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** What a process of its own is told to read to its end, and drop. */
export interface Stream {
  kind: 'rest' | 'grpc' | 'socket';
  port: number;
  path: string;
  token: string;
  /** The message of a call of gRPC, in its envelope, as base64. */
  body: string;
}

/** Seconds from the request to the last byte, and how many there were. */
export interface Drained {
  seconds: number;
  bytes: number;
}

/** psql comes to this port by itself; its time begins when it is started. */
const waiting: ((socket: Socket) => void)[] = [];
const server = net
  .createServer((socket) => waiting.shift()?.(socket))
  .listen(0, '127.0.0.1', () => {
    process.send?.({ port: (server.address() as AddressInfo).port });
  });

function count(stream: Readable, ended: (bytes: number) => void): void {
  let bytes = 0;
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  stream.once('end', () => ended(bytes));
}

function rest({ port, path, token }: Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}` };
    const request = http.get({ host: '127.0.0.1', port, path, headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      response.once('error', reject);
      count(response, resolve);
    });
    request.once('error', reject);
  });
}

function grpc({ port, path, token, body }: Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${token}`,
    });
    let status: unknown;
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.once('error', reject);
    count(stream, (bytes) => {
      session.close();
      if (status === '0') resolve(bytes);
      else reject(new Error(`grpc-status ${status}`));
    });
    stream.end(Buffer.from(body, 'base64'));
  });
}

function socket(): Promise<number> {
  return new Promise((resolve) => {
    waiting.push((connected) => count(connected, resolve));
  });
}

process.on('message', (told: Stream) => {
  const start = performance.now();
  const read = { rest, grpc, socket }[told.kind];
  read(told).then(
    (bytes) => process.send?.({ bytes, seconds: (performance.now() - start) / 1_000 }),
    (error) => process.send?.({ error: String(error) }),
  );
});
