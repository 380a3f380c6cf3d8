import { createHash } from 'node:crypto';
import { validateHeaderValue } from 'node:http';
import fetch, { FetchError, type Response } from 'node-fetch';
import pLimit from 'p-limit';
import type { Logger } from '../../observability/index.js';
import {
  type Agents,
  backoff,
  RETRY_BUDGET_MS,
  readRetryAfter,
  reasonOfBreak,
} from '../../outbound/index.js';
import { ConnectorError } from '../connector-error.js';
import { type HttpAnswer, HttpFailure } from './http-failure.js';
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
  /** What the log calls it, where the path does not tell. */
  name?: string;
}

const KEPT_OF_REFUSALS = 64 * 1024;
const MIB = 1024 * 1024;
const MAX_BYTES = 32 * MIB;
const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
/** Failures before anything was sent. */
const NOT_ARRIVED = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNECTTIMEOUT',
];

/**
 * Calls a school system politely: bounded in time and size, paced, a few calls at once, repeated only where
 * that can help and do no harm. All answers are JSON. Throws HttpFailure; an abort is thrown as it is.
 */
export class HttpClient {
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #pace: Pace | undefined;
  readonly #base: URL;

  constructor(
    private readonly outbound: SharedConnections,
    private readonly options: HttpClientOptions,
  ) {
    this.#limit = pLimit(options.concurrency ?? 4);
    this.#base = new URL(options.baseUrl);
    for (const [name, value] of Object.entries(options.headers ?? {}))
      checkHeader(options.system, name, value);
    if (options.perMinute) {
      // A digest: the key of the pace must not hold a secret.
      const caller = createHash('sha256')
        .update(JSON.stringify(options.headers ?? {}))
        .digest('base64');
      this.#pace = outbound.pace(`${this.#base.origin} ${caller}`, options.perMinute);
    }
  }

  /** The answer, 2xx always. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    for (const [name, value] of Object.entries(request.headers ?? {}))
      checkHeader(this.options.system, name, value);
    return this.#limit(() => this.#persist(request));
  }

  async #persist(request: HttpRequest): Promise<HttpAnswer> {
    const { retryDelayMs = 500, retryBudgetMs = RETRY_BUDGET_MS, signal, logger, system } = this.options;
    const retries = Math.min(this.options.retries ?? 3, request.retries ?? Number.POSITIVE_INFINITY);
    const idempotent = request.idempotent ?? request.method !== 'POST';
    let spent = 0;
    for (let attempt = 0; ; attempt += 1) {
      await this.#turn();
      const start = performance.now();
      const result = await this.#once(request, idempotent);
      spent += performance.now() - start;
      const answer = result instanceof HttpFailure ? result.answer : result;
      if (!(result instanceof HttpFailure) && !this.options.isBusy?.(result)) return result;
      const asked = readRetryAfter(answer?.headers.get('retry-after'));
      const pause = asked ?? backoff(attempt, retryDelayMs);
      if (attempt >= retries || spent + pause > retryBudgetMs || !mayRepeat(result, idempotent)) {
        // Busy in the words of the system itself: its connector knows them.
        if (!(result instanceof HttpFailure)) return result;
        throw explained(result, system, attempt, asked);
      }
      logger.warn(
        { call: nameOf(request), host: this.#base.host, status: answer?.status, attempt, pause },
        'call is repeated',
      );
      spent += pause;
      await this.outbound.wait(pause, signal);
    }
  }

  /** Waits until the pace lets the next call go. */
  async #turn(): Promise<void> {
    const { signal } = this.options;
    const pause = this.#pace?.() ?? 0;
    if (pause > 0) await this.outbound.wait(pause, signal);
    signal.throwIfAborted();
  }

  async #once(request: HttpRequest, idempotent: boolean): Promise<HttpAnswer | HttpFailure> {
    const { logger } = this.options;
    const start = performance.now();
    const result = await this.#exchange(request, idempotent);
    const status = result instanceof HttpFailure ? result.answer?.status : result.status;
    const ms = Math.round(performance.now() - start);
    const { method = 'GET', path } = request;
    const failure = result instanceof HttpFailure ? result.kind : undefined;
    logger.debug(
      { method, host: this.#base.host, path, call: request.name, status, failure, ms },
      'call to school system',
    );
    return result;
  }

  async #exchange(request: HttpRequest, idempotent: boolean): Promise<HttpAnswer | HttpFailure> {
    const { system, timeoutMs, signal } = this.options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await this.#follow(request, idempotent, AbortSignal.any([signal, timeout]));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof HttpFailure) return error;
      if (timeout.aborted) {
        const seconds = timeoutMs / 1_000;
        return new HttpFailure(
          'timeout',
          `${system} did not answer ${nameOf(request)} within ${seconds} s (config.timeout).`,
        );
      }
      throw error;
    }
  }

  async #follow(request: HttpRequest, idempotent: boolean, signal: AbortSignal): Promise<HttpAnswer> {
    const { headers, maxBytes = MAX_BYTES } = this.options;
    const { method = 'GET' } = request;
    const agents = idempotent ? this.outbound.agents : this.outbound.freshAgents;
    let url = this.#url(request);
    for (let hops = 0; ; hops += 1) {
      try {
        const response = await fetch(url.href, {
          method,
          redirect: 'manual',
          signal,
          size: maxBytes,
          agent: ({ protocol }) => (protocol === 'https:' ? agents.https : agents.http),
          headers: {
            Accept: 'application/json',
            ...(request.json !== undefined && { 'Content-Type': 'application/json' }),
            ...(url.origin === this.#base.origin && { ...headers, ...request.headers }),
          },
          ...(request.form && { body: request.form }),
          ...(request.json !== undefined && { body: JSON.stringify(request.json) }),
        });
        if (!REDIRECTS.includes(response.status)) return await this.#read(request, response);
        discard(response);
        url = this.#next(request, url, response.headers.get('location'), hops);
      } catch (error) {
        if (signal.aborted || !(error instanceof FetchError)) throw error;
        throw this.#networkFailure(request, error, url.host);
      }
    }
  }

  /** Where a redirect leads. Throws HttpFailure when it may not be followed. */
  #next(request: HttpRequest, from: URL, location: string | null, hops: number): URL {
    const call = `${this.options.system} sends ${nameOf(request)} on`;
    if (!location || !URL.canParse(location, from.href)) {
      throw new HttpFailure('redirect', `${call} without a usable address. Is config.apiUrl right?`);
    }
    const to = new URL(location, from);
    const refusal = this.#refuseRedirect(request.method ?? 'GET', from, to, hops);
    if (!refusal) return to;
    throw new HttpFailure('redirect', `${call} to ${to.protocol}//${to.host}${to.pathname}, ${refusal}.`, {
      location: to.href,
    });
  }

  #refuseRedirect(method: string, from: URL, to: URL, hops: number): string | undefined {
    if (method !== 'GET') return 'which only a GET may follow; correct config.apiUrl';
    if (hops >= MAX_REDIRECTS) return `the ${MAX_REDIRECTS + 1}th time in a row; correct config.apiUrl`;
    if (to.username || to.password) return 'which holds a name or a password; it is not followed';
    if (from.protocol === 'https:' && to.protocol !== 'https:')
      return 'which is not encrypted; it is not followed';
    return ['http:', 'https:'].includes(to.protocol) ? undefined : 'which is no web address';
  }

  async #read(request: HttpRequest, response: Response): Promise<HttpAnswer> {
    const { system } = this.options;
    const type = response.headers.get('content-type') ?? '';
    const isJson = /^application\/([\w.+-]+\+)?json\b/i.test(type);
    const { status, headers } = response;
    if (!response.ok) {
      const text = await beginningOf(response);
      const answer = {
        status,
        headers: headers as unknown as Headers,
        text,
        json: () => parseJson(text, system, request),
      };
      throw new HttpFailure(
        'status',
        `${system} answered ${nameOf(request)} with ${status} ${response.statusText}`.trim(),
        {
          answer,
        },
      );
    }
    if (!isJson) {
      discard(response);
      const shown = type.split(';', 1)[0] || 'no content type';
      throw new HttpFailure(
        'content',
        `${system} answered ${nameOf(request)} with ${shown} where JSON was expected. Is config.apiUrl right?`,
      );
    }
    const text = await response.text();
    return {
      status,
      headers: headers as unknown as Headers,
      text,
      json: () => parseJson(text, system, request),
    };
  }

  #networkFailure(request: HttpRequest, error: FetchError, host: string): HttpFailure {
    const { system, maxBytes = MAX_BYTES } = this.options;
    const call = nameOf(request);
    if (error.type === 'max-size') {
      const size = maxBytes < MIB ? `${maxBytes} bytes` : `${Math.floor(maxBytes / MIB)} MiB`;
      return new HttpFailure(
        'size',
        `${system} answered ${call} with more than ${size}; the answer was not read.`,
      );
    }
    if (error.code === 'EADDRESSREFUSED') {
      return new HttpFailure(
        'address',
        `${host} is a private address, which connectors may not reach. The operator can open it in OUTBOUND_ALLOW.`,
        { notArrived: true },
      );
    }
    const why = reasonOfBreak(error.code);
    const notArrived = NOT_ARRIVED.includes(error.code ?? '');
    // Without its cause, whose words hold the whole address with what was asked.
    return new HttpFailure(
      'network',
      `${system} could not be reached at ${host} for ${call}: ${why}${why.endsWith('?') ? '' : '.'}`,
      {
        notArrived,
      },
    );
  }

  #url({ path, query }: HttpRequest): URL {
    const url = new URL(this.#base);
    url.pathname = this.#base.pathname.replace(/\/+$/, '') + path;
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, String(value));
    return url;
  }
}

/** Throws ConnectorError when HTTP cannot carry a header; its own error would hold the value. */
function checkHeader(system: string, name: string, value: string): void {
  try {
    validateHeaderValue(name, value);
  } catch {
    throw new ConnectorError(
      `The credential that ${system} wants as ${name} has a line break or a letter that no header can hold. Enter it again.`,
    );
  }
}

function nameOf({ method = 'GET', path, name }: HttpRequest): string {
  return name ?? `${method} ${path}`;
}

/** Only failures that may pass, and of calls that may have arrived only those that may be made twice. */
function mayRepeat(result: HttpAnswer | HttpFailure, idempotent: boolean): boolean {
  if (!(result instanceof HttpFailure)) return true;
  const status = result.answer?.status ?? 0;
  switch (result.kind) {
    case 'network':
      return idempotent || result.notArrived;
    case 'timeout':
      return idempotent;
    case 'status':
      return status === 429 || (status >= 500 && idempotent);
    default:
      return false;
  }
}

function explained(
  failure: HttpFailure,
  system: string,
  repeats: number,
  askedMs: number | undefined,
): HttpFailure {
  const { kind, answer } = failure;
  const times = repeats > 0 ? ` ${repeats + 1} times` : '';
  const wait = askedMs === undefined ? 'later' : `in ${Math.ceil(askedMs / 1_000)} s`;
  if (kind === 'status' && answer?.status === 429) {
    return new HttpFailure(kind, `${failure.message}${times}: too many calls. Try again ${wait}.`, {
      answer,
    });
  }
  if (kind === 'status' && answer && answer.status >= 500) {
    return new HttpFailure(
      kind,
      `${failure.message}${times}. ${system} has trouble of its own; try again ${wait}.`,
      { answer },
    );
  }
  return kind === 'status' ? new HttpFailure(kind, `${failure.message}.`, { answer }) : failure;
}

function parseJson(text: string, system: string, request: HttpRequest): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpFailure('content', `${system} answered ${nameOf(request)} with JSON that cannot be read.`);
  }
}

/** Enough of a refusal to tell why. */
async function beginningOf(response: Response): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(Buffer.from(chunk as Buffer));
      size += chunk.length;
      if (size >= KEPT_OF_REFUSALS) break;
    }
  } catch {
    // What came counts: the status is known already.
  }
  discard(response);
  return Buffer.concat(chunks).toString();
}

function discard(response: Response): void {
  (response.body as unknown as { destroy?: () => void } | null)?.destroy?.();
}
