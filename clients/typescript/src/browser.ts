import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { createClientOver, type IntegrationsClient, interceptorsOf } from './client.js';
import { type ClientOptions, checkedBaseUrl } from './options.js';

export * from './shared.js';

export interface BrowserClientOptions extends ClientOptions {
  /** Default `connect`, in JSON. */
  protocol?: 'connect' | 'grpc-web' | undefined;
  /** Default: that of the page. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** A client for pages and for whatever has `fetch`. It loads nothing of Node. */
export function createIntegrationsClient(options: BrowserClientOptions): IntegrationsClient {
  return createClientOver(createIntegrationsTransport(options));
}

/** What carries the calls of a client; for libraries that take a transport. */
export function createIntegrationsTransport(options: BrowserClientOptions): Transport {
  const { protocol = 'connect', timeoutMs, fetch } = options;
  const carried = {
    baseUrl: checkedBaseUrl(options.baseUrl),
    interceptors: interceptorsOf(options),
    ...(timeoutMs !== undefined && { defaultTimeoutMs: timeoutMs }),
    ...(fetch && { fetch }),
  };
  return protocol === 'connect' ? createConnectTransport(carried) : createGrpcWebTransport(carried);
}
