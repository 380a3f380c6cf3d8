import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import {
  type HttpClient,
  type HttpClientOptions,
  HttpFailure,
  Outbound,
} from '../../../src/connectors/http/index.js';
import { type Listening, listenOn } from '../../support/listen.js';
import { tempFolder } from '../../support/temp-folder.js';

/** A call as the server saw it. */
export interface Arrived {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** Tells connections apart. */
  port: number | undefined;
}

export type Reply = (response: ServerResponse, arrived: Arrived) => unknown;

export interface School {
  url: string;
  port: string;
  arrived: Arrived[];
}

const JSON_TYPE = { 'Content-Type': 'application/json' };
const open: (Listening | { close(): void })[] = [];

/** A server on this machine that gives these replies in turn, and the last one from then on. */
export async function serve(...replies: [Reply, ...Reply[]]): Promise<School> {
  const arrived: Arrived[] = [];
  const server = await listenOn(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers, socket } = request;
    const call: Arrived = {
      method,
      url,
      headers,
      body: Buffer.concat(chunks).toString(),
      port: socket.remotePort,
    };
    arrived.push(call);
    const reply = replies[Math.min(arrived.length, replies.length) - 1] as Reply;
    await reply(response, call);
  });
  open.push(server);
  return { url: server.url, port: new URL(server.url).port, arrived };
}

/** A server with TLS, and the certificate it signed itself. */
export async function serveTls(
  reply: (response: ServerResponse) => unknown,
): Promise<{ url: string; cert: string }> {
  const folder = await tempFolder();
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1';
  execFileSync('openssl', [...made.split(' '), '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  const [key, cert] = [await readFile(keyFile, 'utf8'), await readFile(certFile, 'utf8')];
  const server = createServer({ key, cert }, (_request, response) => reply(response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  open.push({
    close() {
      server.close();
      server.closeAllConnections();
    },
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, cert };
}

/** A port of this machine where nothing listens. */
export async function closedPort(): Promise<string> {
  const server = await listenOn(() => {});
  await server.close();
  return new URL(server.url).port;
}

/** JSON, also for what is no 2xx. */
export const answer =
  (value: unknown = {}, status = 200, headers: Record<string, string> = {}): Reply =>
  (response) =>
    response.writeHead(status, { ...JSON_TYPE, ...headers }).end(JSON.stringify(value));

export const redirect =
  (location: string, status = 302): Reply =>
  (response) =>
    response.writeHead(status, { Location: location }).end();

/** Ends the connection without an answer, though the call arrived. */
export const cut: Reply = (response) => response.destroy();

/** Begins an answer and never ends it. */
export const stall: Reply = (response) => response.writeHead(200, JSON_TYPE).write('{');

export interface Polite {
  client: HttpClient;
  outbound: Outbound;
  /** Milliseconds of every pause; none of them is waited for. */
  waits: number[];
  /** Lines of the log. */
  lines: string[];
}

type PoliteOptions = Partial<HttpClientOptions> & { allow?: readonly string[]; outbound?: Outbound };

/** A client that may reach this machine, and that writes down its pauses instead of making them. */
export function polite(
  url: string,
  { allow = ['127.0.0.1'], outbound, ...options }: PoliteOptions = {},
): Polite {
  const waits: number[] = [];
  const lines: string[] = [];
  const wait = async (ms: number, signal: AbortSignal) => {
    signal.throwIfAborted();
    waits.push(ms);
  };
  const way = outbound ?? new Outbound({ allow, wait });
  open.push(way);
  const client = way.client({
    system: 'Moodle',
    baseUrl: url,
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    logger: pino({ level: 'trace', base: undefined }, { write: (line: string) => void lines.push(line) }),
    ...options,
  });
  return { client, outbound: way, waits, lines };
}

/** What a promise is rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const result = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in result) return result.error;
  throw new Error('It succeeded.');
}

/** The HttpFailure that a promise is rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<HttpFailure> {
  const error = await rejectionOf(promise);
  if (error instanceof HttpFailure) return error;
  throw error;
}

/** Closes all servers and connections. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((thing) => thing.close()));
}
