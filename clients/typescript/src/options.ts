import type { Interceptor } from '@connectrpc/connect';
import type { RetryOptions } from './retries.js';

/** A bearer token, or what gives the one to use now: it is asked before each attempt of each call. */
export type Token = string | (() => string | undefined | Promise<string | undefined>);

export interface ClientOptions {
  /** Where the service is: `https://integrations.example.org`, with a path where it is behind one. */
  baseUrl: string;
  /** Without one, only what needs none can be called. */
  token?: Token | undefined;
  /** How calls are repeated; false: never. */
  retry?: RetryOptions | false | undefined;
  /** Milliseconds that a call may take, with its repetitions. Default: no limit of the client's. */
  timeoutMs?: number | undefined;
  /** What every call passes besides, the outermost first. */
  interceptors?: Interceptor[] | undefined;
}

/** The address without a slash at its end. Throws for one that is none, or that holds a password. */
export function checkedBaseUrl(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new TypeError('baseUrl must be an address that begins with http:// or https://');
  if (url.username || url.password)
    throw new TypeError('baseUrl must hold no user and no password: pass a token');
  if (url.search || url.hash) throw new TypeError('baseUrl must have no query and no fragment');
  return url.href.replace(/\/+$/, '');
}
