import { createContextKey } from '@connectrpc/connect';
import type { Protocol } from './operations.js';

/** The HTTP request that a call came in, and its answer. */
export interface Exchange {
  /** What its caller speaks. */
  readonly protocol: Protocol;
  /** Bytes of the request's body as its head declares them. */
  readonly bytesIn: number | undefined;
  /** Bytes of the answer's body so far, packed as they are sent. */
  readonly bytesOut: number;
  /** Status of the answer; that of gRPC is always 200. */
  readonly status: number;
  /** Says that there is a call, which tells of itself. */
  reached(): void;
  /** Calls `tell` once the answer is out, or its caller has left. */
  onAnswered(tell: () => void): void;
}

/** Where interceptors find the exchange of their call; undefined for calls that came in no request. */
export const exchangeKey = createContextKey<Exchange | undefined>(undefined, {
  description: 'the HTTP exchange of a call',
});
