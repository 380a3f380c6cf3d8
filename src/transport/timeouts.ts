/** How long slow clients are waited for, over HTTP/1.1, HTTP/2 and TLS alike. Milliseconds. */
export interface Timeouts {
  /** Until TLS is agreed on, until the first bytes, and until the headers of a first request are whole. */
  headersMs: number;
  /** Until a request is whole. */
  requestMs: number;
  /** Until an HTTP/2 connection without traffic is closed. */
  idleMs: number;
  /** How often an HTTP/2 connection with open streams is asked whether its client is still there. */
  pingMs: number;
}
