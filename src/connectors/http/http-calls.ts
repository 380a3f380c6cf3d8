import fetch, { FetchError, type Response } from 'node-fetch';
import { type OutboundFacts, operations } from '../../observability/index.js';
import { reasonOfBreak } from '../../outbound/index.js';
import { type HttpAnswer, HttpFailure } from './http-failure.js';
import { type HttpClientOptions, type HttpRequest, nameOf, type SharedConnections } from './http-request.js';

/** How an exchange goes, and what is told of it. */
interface Way {
  idempotent: boolean;
  told: OutboundFacts;
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

/** Makes single calls: bounded in time and size, and led on by redirects only where that is safe. */
export class HttpCalls {
  readonly #base: URL;

  constructor(
    private readonly outbound: Pick<SharedConnections, 'agents' | 'freshAgents'>,
    private readonly options: HttpClientOptions,
  ) {
    this.#base = new URL(options.baseUrl);
  }

  /** The answer, or why there is none. Throws the reason of an abort. */
  async send(request: HttpRequest, idempotent: boolean): Promise<HttpAnswer | HttpFailure> {
    const { logger } = this.options;
    const start = performance.now();
    const { method = 'GET', path } = request;
    const told: OutboundFacts = { method, host: this.#base.host };
    const result = await operations.outbound.observe(told, async () => {
      const ended = await this.#exchange(request, { idempotent, told });
      told.status = ended instanceof HttpFailure ? ended.answer?.status : ended.status;
      if (ended instanceof HttpFailure && ended.kind !== 'status') told.failure = ended.kind;
      return ended;
    });
    const { status } = told;
    const ms = Math.round(performance.now() - start);
    const failure = result instanceof HttpFailure ? result.kind : undefined;
    logger.debug(
      { method, host: this.#base.host, path, call: request.name, status, failure, ms },
      'call to school system',
    );
    return result;
  }

  async #exchange(request: HttpRequest, way: Way): Promise<HttpAnswer | HttpFailure> {
    const { system, timeoutMs, signal } = this.options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await this.#follow(request, way, AbortSignal.any([signal, timeout]));
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

  async #follow(request: HttpRequest, { idempotent, told }: Way, signal: AbortSignal): Promise<HttpAnswer> {
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
            ...(url.origin === this.#base.origin && { ...told.traceHeaders, ...headers, ...request.headers }),
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
