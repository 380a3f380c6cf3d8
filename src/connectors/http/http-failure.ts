import { ConnectorError } from '../connector-error.js';

/** An answer that was read whole. */
export interface HttpAnswer {
  status: number;
  headers: Headers;
  /** The body; of an answer that is not 2xx, its beginning. */
  text: string;
  /** The body as JSON. Throws HttpFailure when it is none. */
  json(): unknown;
}

/** What went wrong with a call. */
export type HttpFailureKind =
  /** No connection, or one that broke. */
  | 'network'
  /** Too slow. */
  | 'timeout'
  /** The address is not one that connectors may reach. */
  | 'address'
  /** A status that is not 2xx. */
  | 'status'
  /** The server sends the call elsewhere, where it may not go. */
  | 'redirect'
  /** Not what was asked for: the content type, or something that is no JSON. */
  | 'content'
  /** Larger than answers may be. */
  | 'size';

/** A call to a school system that failed. Its message says who, what, and what to do. */
export class HttpFailure extends ConnectorError {
  readonly kind: HttpFailureKind;
  /** The answer, when one came. */
  readonly answer: HttpAnswer | undefined;
  /** Whether the call certainly did not reach the server. */
  readonly notArrived: boolean;
  /** Where a redirect leads. */
  readonly location: string | undefined;

  constructor(
    kind: HttpFailureKind,
    message: string,
    options: {
      answer?: HttpAnswer | undefined;
      notArrived?: boolean;
      location?: string;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'HttpFailure';
    this.kind = kind;
    this.answer = options.answer;
    this.notArrived = options.notArrived ?? false;
    this.location = options.location;
  }
}
