import { z } from 'zod';
import { ConnectorError } from '../connector-error.js';
import type { HttpClient } from './http-client.js';
import { type HttpAnswer, HttpFailure } from './http-failure.js';
import type { HttpClientOptions, HttpRequest } from './http-request.js';

export interface OAuth2ClientOptions {
  /** `context.http`: the token endpoint is called like any other address, guarded and with repeats. */
  http: (options: Omit<HttpClientOptions, 'signal' | 'logger' | 'secrets'>) => HttpClient;
  /** Client of the API that the tokens are for. */
  api: HttpClient;
  /** What a person calls the other side: "OneRoster". */
  system: string;
  /** Address of the token endpoint. */
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  /** Scopes, separated by spaces. Default: none is asked for, and the server decides. */
  scope?: string | undefined;
  /** Where client id and secret stand: in the header (`basic`) or in the form (`body`). Default `basic`. */
  authentication?: 'basic' | 'body' | undefined;
  /** More fields of the form, such as `audience` or `resource`. Default: none. */
  parameters?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds that one call of the token endpoint may take. */
  timeoutMs: number;
  /** A token is fetched anew this long before it expires, at most half its life. Default 60 seconds. */
  renewBeforeSeconds?: number | undefined;
  /** Monotonic clock in milliseconds; given by tests. */
  now?: (() => number) | undefined;
}

interface Token {
  header: string;
  /** On the clock of `now`; infinite where the server does not say. */
  staleAt: number;
}

const answered = z.object({
  access_token: z.string().min(1),
  token_type: z.string().nullish(),
  expires_in: z.coerce.number().nonnegative().nullish().catch(undefined),
});

const refused = z.object({ error: z.string(), error_description: z.string().nullish().catch(undefined) });

/**
 * Calls an API with tokens of the grant `client_credentials` (RFC 6749, 4.4). One token serves all calls
 * until shortly before it expires; calls that need one at the same time wait for the same. A call that is
 * answered 401 is repeated once, with a new token. Nothing that leaves here, errors included, holds the
 * secret or a token.
 */
export class OAuth2Client {
  readonly #options: OAuth2ClientOptions;
  readonly #endpoint: HttpClient;
  readonly #path: string;
  readonly #now: () => number;
  /** Headers that may be what the token endpoint wants, the likeliest first; one is left once it is known. */
  #basics: readonly string[] = [];
  /** The token, or the call that fetches it. */
  #token: Promise<Token> | undefined;
  /** The token once it is there. */
  #known: Token | undefined;

  constructor(options: OAuth2ClientOptions) {
    const { tokenUrl, clientId, clientSecret, authentication = 'basic', system, timeoutMs } = options;
    const { origin, pathname } = new URL(tokenUrl);
    this.#options = options;
    this.#path = pathname;
    this.#now = options.now ?? (() => performance.now());
    this.#endpoint = options.http({
      system,
      baseUrl: origin,
      timeoutMs,
      concurrency: 1,
      maxBytes: 1024 * 1024,
    });
    const basics = basicsOf(clientId, clientSecret);
    if (authentication === 'basic') this.#basics = basics;
    for (const secret of [clientSecret, ...basics.map(withoutScheme)]) options.api.secrets.add(secret);
  }

  /** The answer, 2xx always. Throws ConnectorError when there is no token, HttpFailure like any client. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const token = await this.#current();
    try {
      return await this.#call(request, token);
    } catch (error) {
      if (!isUnauthorized(error)) throw this.#clean(error);
    }
    // Expired before its time, or withdrawn. Whoever else saw it refused may have a new one already.
    this.#forget(token);
    const next = await this.#current();
    try {
      return await this.#call(request, next);
    } catch (error) {
      if (!isUnauthorized(error)) throw this.#clean(error);
      throw new ConnectorError(
        `${this.#options.system} gave a token and refuses it (401). Check that the token address and the API belong together, and that the client may use this API.`,
      );
    }
  }

  /**
   * A text from outside without the secret and every token there was: raw, URL-encoded, in JSON, HTML, base64 or
   * hexadecimal digits, also in pieces of eight characters and more.
   */
  strike(text: string): string {
    return this.#options.api.secrets.strike(text);
  }

  #call(request: HttpRequest, { header }: Token): Promise<HttpAnswer> {
    return this.#options.api.send({ ...request, headers: { ...request.headers, Authorization: header } });
  }

  /** The token that calls use now: the one there is, or one that is being fetched. */
  #current(): Promise<Token> {
    if (this.#known && this.#now() >= this.#known.staleAt) this.#forget(this.#known);
    this.#token ??= this.#fetch();
    return this.#token;
  }

  #forget(token: Token): void {
    if (this.#known !== token) return;
    this.#known = undefined;
    this.#token = undefined;
  }

  async #fetch(): Promise<Token> {
    try {
      this.#known = await this.#ask();
      return this.#known;
    } catch (error) {
      // The next call tries again.
      this.#token = undefined;
      throw error;
    }
  }

  async #ask(): Promise<Token> {
    const { clientId, clientSecret, scope, authentication = 'basic', parameters, system } = this.#options;
    const { renewBeforeSeconds = 60 } = this.#options;
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      ...(scope && { scope }),
      ...parameters,
      ...(authentication === 'body' && { client_id: clientId, client_secret: clientSecret }),
    });
    const askedAt = this.#now();
    const answer = await this.#post(form).catch((error: unknown) => {
      throw this.#clean(this.#explain(error));
    });
    const parsed = answered.safeParse(answer.json());
    if (!parsed.success) {
      throw new ConnectorError(
        `${system} answered the request for a token without an access_token. Is config.tokenUrl right?`,
      );
    }
    const { access_token: token, token_type: type, expires_in: seconds } = parsed.data;
    if (type && type.toLowerCase() !== 'bearer') {
      throw new ConnectorError(
        `${system} gave a token of the type "${this.strike(type).slice(0, 40)}"; only bearer tokens can be used.`,
      );
    }
    this.#options.api.secrets.add(token);
    const life = seconds == null ? Number.POSITIVE_INFINITY : seconds;
    const staleAt = askedAt + (life - Math.min(renewBeforeSeconds, life / 2)) * 1_000;
    return { header: `Bearer ${token}`, staleAt };
  }

  async #post(form: URLSearchParams): Promise<HttpAnswer> {
    // Nothing is changed by asking twice.
    const request: HttpRequest = {
      method: 'POST',
      path: this.#path,
      form,
      idempotent: true,
      name: 'the token',
    };
    const [Authorization, ...others] = this.#basics;
    if (!Authorization) return this.#endpoint.send(request);
    try {
      const answer = await this.#endpoint.send({ ...request, headers: { Authorization } });
      this.#basics = [Authorization];
      return answer;
    } catch (error) {
      if (others.length === 0 || !isClientRefused(error)) throw error;
      this.#basics = others;
      return this.#post(form);
    }
  }

  /** A refused token request in words that say what to correct. */
  #explain(error: unknown): unknown {
    if (!(error instanceof HttpFailure) || error.kind !== 'status' || !error.answer) return error;
    const { status } = error.answer;
    if (status === 429 || status >= 500) return error;
    const { system, scope } = this.#options;
    const { error: code, error_description: words } = wordsOf(error.answer);
    const reason = this.strike([status, code, words].filter(Boolean).join(' ')).slice(0, 300);
    switch (code) {
      case 'invalid_client':
        return new ConnectorError(
          `${system} does not know this client, or its secret is wrong (${reason}). Check credentials.clientId and credentials.clientSecret.`,
        );
      case 'invalid_scope':
        return new ConnectorError(
          `${system} does not give this client the scope "${scope ?? ''}" (${reason}). Ask for it there, or correct config.scope.`,
        );
      case 'unauthorized_client':
      case 'unsupported_grant_type':
        return new ConnectorError(
          `${system} does not let this client use client credentials (${reason}). Allow that grant there.`,
        );
    }
    if (status === 401 || status === 403) {
      return new ConnectorError(
        `${system} refused the client (${reason}). Check credentials.clientId and credentials.clientSecret.`,
      );
    }
    return new ConnectorError(`${system} gave no token (${reason}). Is config.tokenUrl right?`);
  }

  /** The same failure; what it and its answer say is free of secrets. */
  #clean(error: unknown): unknown {
    if (!(error instanceof HttpFailure)) return error;
    const { kind, answer, notArrived, location } = error;
    return new HttpFailure(kind, this.strike(error.message), {
      notArrived,
      answer: answer && this.#cleanAnswer(answer),
      ...(location !== undefined && { location: this.strike(location) }),
    });
  }

  #cleanAnswer(answer: HttpAnswer): HttpAnswer {
    const { secrets } = this.#options.api;
    const text = secrets.strike(answer.text);
    return text === answer.text ? answer : { ...answer, text, json: () => secrets.clean(answer.json()) };
  }
}

/**
 * By RFC 6749, 2.3.1, both are form-encoded before they are joined; many servers do not know that. The two
 * differ where id or secret have other signs than letters, digits, `-`, `_`, `.` and `*`.
 */
function basicsOf(clientId: string, clientSecret: string): string[] {
  const join = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  return [...new Set([join(formEncode(clientId), formEncode(clientSecret)), join(clientId, clientSecret)])];
}

function withoutScheme(header: string): string {
  return header.replace(/^Basic /, '');
}

function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function isClientRefused(error: unknown): boolean {
  if (!(error instanceof HttpFailure) || !error.answer) return false;
  return error.answer.status === 401 || wordsOf(error.answer).error === 'invalid_client';
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof HttpFailure && error.answer?.status === 401;
}

function wordsOf(answer: HttpAnswer): { error?: string; error_description?: string | null | undefined } {
  try {
    return refused.safeParse(answer.json()).data ?? {};
  } catch {
    return {};
  }
}
