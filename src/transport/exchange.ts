import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ConnectError, type ContextValues, createContextValues } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import {
  type Exchange,
  exchangeKey,
  type Logger,
  operations,
  type Protocol,
} from '../observability/index.js';

/** What a request is for, as far as it is known from its head. */
export interface Asked {
  protocol: Protocol;
  service?: string;
  method?: string;
}

/** A request that is watched until its answer is out. */
export interface Watched {
  /** For the call that the request becomes: its interceptors find the exchange there, and tell of it. */
  values: ContextValues;
  /** Why the request became no call. */
  failed(error: ConnectError): void;
}

export type Watch = (request: IncomingMessage, response: ServerResponse, asked: Asked) => Watched;

/** Watches requests. Of those that become no call, of which no interceptor can tell, it tells itself. */
export function createWatch(logger: Logger): Watch {
  return (request, response, asked) => {
    const exchange = new WatchedExchange(request, response, asked.protocol, (code, ms) => {
      const { service = '', method = '', protocol } = asked;
      operations.call.tell({ service, method, protocol, code }, ms);
      // No path: the address that a school system pushes to is a secret, and may be mistyped.
      const what = service ? { rpc: `${service}/${method}` } : { httpMethod: request.method };
      const { status, requestId, bytesIn, bytesOut } = exchange;
      logger.info(
        { ...what, protocol, code, status, ms: Math.round(ms * 10) / 10, requestId, bytesIn, bytesOut },
        'no call',
      );
    });
    return {
      values: createContextValues().set(exchangeKey, exchange),
      failed: (error) => {
        exchange.code ??= codeToString(error.code);
        exchange.requestId ??= error.metadata.get('x-request-id') ?? undefined;
      },
    };
  };
}

class WatchedExchange implements Exchange {
  bytesOut = 0;
  code: string | undefined;
  requestId: string | undefined;
  readonly #start = performance.now();
  #isReached = false;
  #isOver = false;
  #tell: (() => void) | undefined;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    readonly protocol: Protocol,
    untold: (code: string, ms: number) => void,
  ) {
    this.#countAnswer();
    response.once('close', () => {
      this.#isOver = true;
      this.#tell?.();
      if (!this.#isReached) untold(this.code ?? 'canceled', performance.now() - this.#start);
    });
  }

  get bytesIn(): number | undefined {
    const declared = this.request.headers['content-length'];
    return declared === undefined ? undefined : Number(declared);
  }

  get status(): number {
    return this.response.statusCode;
  }

  reached(): void {
    this.#isReached = true;
  }

  onAnswered(tell: () => void): void {
    // What goes on after its caller has left ends later than its answer.
    if (this.#isOver) tell();
    else this.#tell = tell;
  }

  /** Nothing in Node tells of it: a socket's count is that of a whole connection. */
  #countAnswer(): void {
    const { response } = this;
    const write = response.write as (...args: unknown[]) => boolean;
    const end = response.end as (...args: unknown[]) => ServerResponse;
    response.write = (...args: unknown[]) => {
      this.bytesOut += sizeOf(args[0]);
      return write.apply(response, args);
    };
    response.end = ((...args: unknown[]) => {
      const before = this.bytesOut;
      const result = end.apply(response, args);
      // Over HTTP/2 it writes what it is given, over HTTP/1.1 it does not.
      if (this.bytesOut === before) this.bytesOut += sizeOf(args[0]);
      return result;
    }) as typeof response.end;
  }
}

function sizeOf(piece: unknown): number {
  if (typeof piece === 'string') return Buffer.byteLength(piece);
  return piece instanceof Uint8Array ? piece.length : 0;
}
