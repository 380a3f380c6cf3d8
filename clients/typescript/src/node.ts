import type { Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { createClientOver, type IntegrationsClient, interceptorsOf } from './client.js';
import { type ClientOptions, checkedBaseUrl } from './options.js';

export * from './shared.js';

export interface NodeClientOptions extends ClientOptions {
  /** Default `connect`, in its binary form. */
  protocol?: 'connect' | 'grpc' | 'grpc-web' | undefined;
  /** Settings of Node's connections, for example `{ ca }`. */
  nodeOptions?: Record<string, unknown> | undefined;
}

/** A client for Node. */
export function createIntegrationsClient(options: NodeClientOptions): IntegrationsClient {
  return createClientOver(createIntegrationsTransport(options));
}

/** What carries the calls of a client; for libraries that take a transport. */
export function createIntegrationsTransport(options: NodeClientOptions): Transport {
  const { protocol = 'connect', timeoutMs, nodeOptions } = options;
  const carried = {
    baseUrl: checkedBaseUrl(options.baseUrl),
    interceptors: interceptorsOf(options),
    ...(timeoutMs !== undefined && { defaultTimeoutMs: timeoutMs }),
    ...(nodeOptions && { nodeOptions }),
  };
  if (protocol === 'grpc') return createGrpcTransport(carried);
  if (protocol === 'grpc-web') return createGrpcWebTransport({ ...carried, httpVersion: '1.1' });
  return createConnectTransport({ ...carried, httpVersion: '1.1' });
}
