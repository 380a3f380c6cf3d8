import type { Logger } from '../../observability/index.js';
import type { Agents } from '../../outbound/index.js';
import type { Secrets } from '../secrets.js';
import type { HttpAnswer, HttpFailure } from './http-failure.js';
import type { Pace } from './pace.js';

export interface HttpClientOptions {
  /** What a person calls the other side: "Moodle". */
  system: string;
  /** Address that paths are appended to; it may have a path of its own. */
  baseUrl: string;
  /** Milliseconds for a call until its answer is read whole. */
  timeoutMs: number;
  signal: AbortSignal;
  logger: Logger;
  /** What the operation strikes out of texts from outside. Default: an empty set of the client's own. */
  secrets?: Secrets;
  /** Headers of every call; they hold credentials and never go to another origin. */
  headers?: Readonly<Record<string, string>>;
  /** How often a call is repeated at most. Default 3. */
  retries?: number;
  /** First pause between repeats, in milliseconds; it doubles. Default 500. */
  retryDelayMs?: number;
  /** Milliseconds that a call may take with all its repeats and the pauses between them. Default 120,000. */
  retryBudgetMs?: number;
  /** Calls at once. Default 4. */
  concurrency?: number;
  /** Calls a minute at most, counted over all clients with these headers. Default: any. */
  perMinute?: number;
  /** Bytes of an answer at most, unpacked. Default 32 MiB. */
  maxBytes?: number;
  /** Whether a 2xx answer says that the system is only busy, and did nothing. */
  isBusy?: (answer: HttpAnswer) => boolean;
}

/** What the clients of a process share; see Outbound. */
export interface SharedConnections {
  readonly agents: Agents;
  readonly freshAgents: Agents;
  /** Waits for so many milliseconds; throws the signal's reason when it is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** The pace that all calls under one key share. */
  pace(key: string, perMinute: number): Pace;
}

export interface HttpRequest {
  /** Default GET. */
  method?: 'GET' | 'POST' | 'PUT';
  /** Appended to the base address; begins with a slash. */
  path: string;
  query?: Readonly<Record<string, string | number>>;
  /**
   * Headers of this call alone, over those of the client; they never go to another origin either. For
   * credentials that change while the client lives, such as an access token.
   */
  headers?: Readonly<Record<string, string>>;
  form?: URLSearchParams;
  json?: unknown;
  /** Whether repeating does no harm. Default: all but POST. */
  idempotent?: boolean;
  /** How often it is repeated at most, where that is less often than the client would. */
  retries?: number;
  /** Whether it is repeated after this failure, where the client would. Default: always. */
  retryIf?: (failure: HttpFailure) => boolean;
  /** What the log calls it, where the path does not tell. */
  name?: string;
}

/** What logs and sentences call a request. */
export function nameOf({ method = 'GET', path, name }: HttpRequest): string {
  return name ?? `${method} ${path}`;
}
