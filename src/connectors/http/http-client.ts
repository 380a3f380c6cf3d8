import { createHash } from 'node:crypto';
import { validateHeaderValue } from 'node:http';
import pLimit from 'p-limit';
import { backoff, RETRY_BUDGET_MS, readRetryAfter } from '../../outbound/index.js';
import { ConnectorError } from '../connector-error.js';
import { Secrets } from '../secrets.js';
import { HttpCalls } from './http-calls.js';
import { type HttpAnswer, HttpFailure } from './http-failure.js';
import { type HttpClientOptions, type HttpRequest, nameOf, type SharedConnections } from './http-request.js';
import type { Pace } from './pace.js';

/**
 * Calls a school system politely: bounded in time and size, paced, a few calls at once, repeated only where
 * that can help and do no harm. All answers are JSON. Throws HttpFailure; an abort is thrown as it is.
 */
export class HttpClient {
  /** What is struck out of all that leaves the operation this client works for. */
  readonly secrets: Secrets;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #pace: Pace | undefined;
  readonly #calls: HttpCalls;
  readonly #host: string;

  constructor(
    private readonly outbound: SharedConnections,
    private readonly options: HttpClientOptions,
  ) {
    this.secrets = options.secrets ?? new Secrets();
    this.#limit = pLimit(options.concurrency ?? 4);
    const { host, origin } = new URL(options.baseUrl);
    this.#calls = new HttpCalls(outbound, options);
    this.#host = host;
    for (const [name, value] of Object.entries(options.headers ?? {}))
      checkHeader(options.system, name, value);
    if (options.perMinute) {
      // A digest: the key of the pace must not hold a secret.
      const caller = createHash('sha256')
        .update(JSON.stringify(options.headers ?? {}))
        .digest('base64');
      this.#pace = outbound.pace(`${origin} ${caller}`, options.perMinute);
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
      const result = await this.#calls.send(request, idempotent);
      spent += performance.now() - start;
      const answer = result instanceof HttpFailure ? result.answer : result;
      if (!(result instanceof HttpFailure) && !this.options.isBusy?.(result)) return result;
      const asked = readRetryAfter(answer?.headers.get('retry-after'));
      const pause = asked ?? backoff(attempt, retryDelayMs);
      const helps =
        mayRepeat(result, idempotent) &&
        (!(result instanceof HttpFailure) || (request.retryIf?.(result) ?? true));
      if (attempt >= retries || spent + pause > retryBudgetMs || !helps) {
        // Busy in the words of the system itself: its connector knows them.
        if (!(result instanceof HttpFailure)) return result;
        throw explained(result, system, attempt, asked);
      }
      logger.warn(
        { call: nameOf(request), host: this.#host, status: answer?.status, attempt, pause },
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
