import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one request, instead of or after its answer. */
export type Fault =
  | { kind: 'status'; status: number; headers?: Record<string, string> }
  /** The connection ends in the middle of the answer. */
  | { kind: 'cut' }
  /** The answer never comes. */
  | { kind: 'stall' }
  /** The answer to the request before comes once more. */
  | { kind: 'repeat' }
  | { kind: 'html' }
  /** 50 MB of it. */
  | { kind: 'flood' };

const FLOOD_BYTES = 50 * 1024 * 1024;

interface Answer {
  status: number;
  headers: OutgoingHttpHeaders;
  body: Buffer;
}

/** A server in front of a simulation: counts its requests, and spoils some. */
export class FaultServer {
  /** Requests so far. */
  requests = 0;
  /** The fault of a request, the first being 1. */
  faultOf: (request: number) => Fault | undefined = () => undefined;
  /** Called when a request comes. */
  onRequest: (request: number) => void = () => {};
  #last: Answer | undefined;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  constructor(private readonly handle: RequestListener) {}

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    this.onRequest(this.requests);
    const fault = this.faultOf(this.requests);
    if (fault && fault.kind !== 'cut') this.#spoil(fault, response);
    else {
      if (fault) cutInTheMiddle(response);
      this.#remember(response);
      this.handle(request, response);
    }
  }

  #spoil(fault: Exclude<Fault, { kind: 'cut' }>, response: ServerResponse): void {
    switch (fault.kind) {
      case 'stall':
        break;
      case 'status':
        response.writeHead(fault.status, { 'Content-Type': 'application/json', ...fault.headers }).end('{}');
        break;
      case 'html':
        response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!DOCTYPE html><title>Welcome</title>');
        break;
      case 'flood':
        flood(response);
        break;
      case 'repeat': {
        const { status = 200, headers = {}, body = Buffer.from('{}') } = this.#last ?? {};
        const kept = Object.entries(headers).filter(
          ([name]) => !/^(transfer-encoding|content-length)$/i.test(name),
        );
        response.writeHead(status, { ...Object.fromEntries(kept), 'Content-Length': body.length }).end(body);
      }
    }
  }

  /** Keeps a copy of what the simulation answers. */
  #remember(response: ServerResponse): void {
    const chunks: Buffer[] = [];
    const keep = (chunk: unknown) => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string));
    };
    const { write, end, writeHead } = response;
    let headers: OutgoingHttpHeaders = {};
    // Headers given here are not among those that the response tells afterwards.
    response.writeHead = ((...args: unknown[]) => {
      headers = (args.find((arg) => typeof arg === 'object') ?? {}) as OutgoingHttpHeaders;
      return (writeHead as (...args: unknown[]) => typeof response).apply(response, args);
    }) as typeof writeHead;
    response.write = ((...args: Parameters<typeof write>) => {
      keep(args[0]);
      return write.apply(response, args);
    }) as typeof write;
    response.end = ((...args: Parameters<typeof end>) => {
      keep(args[0]);
      return end.apply(response, args);
    }) as typeof end;
    response.once('finish', () => {
      this.#last = {
        status: response.statusCode,
        headers: { ...response.getHeaders(), ...headers },
        body: Buffer.concat(chunks),
      };
    });
  }
}

/** Half of the true answer goes out, then the connection ends. */
function cutInTheMiddle(response: ServerResponse): void {
  const chunks: Buffer[] = [];
  const { write } = response;
  const keep = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string));
    return true;
  };
  response.write = keep;
  response.end = (chunk?: unknown) => {
    keep(chunk);
    const body = Buffer.concat(chunks);
    write.call(response, body.subarray(0, Math.ceil(body.length / 2)), 'utf8', () => response.destroy());
    return response;
  };
}

function flood(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  const piece = Buffer.alloc(256 * 1024, ' ');
  let sent = 0;
  const more = () => {
    while (sent < FLOOD_BYTES && !response.destroyed) {
      sent += piece.length;
      if (!response.write(piece)) {
        response.once('drain', more);
        return;
      }
    }
    response.end('[]');
  };
  more();
}
