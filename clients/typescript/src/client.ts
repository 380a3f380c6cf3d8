import type { DescMethod } from '@bufbuild/protobuf';
import {
  type CallOptions,
  type Client,
  createClient,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import { bearer } from './bearer.js';
import { idempotencyKey } from './idempotency-key.js';
import type { ClientOptions } from './options.js';
import { type EachOf, itemsOf, listFieldOf, type PagesOf, pagesOf } from './paging.js';
import { retrying } from './retries.js';
import { type Service, services } from './services.js';

type Joined<T> = (T extends unknown ? (part: T) => void : never) extends (all: infer All) => void
  ? All
  : never;
/** Of each service by itself: the methods of a union would be those that all have. */
type ClientOf<S extends Service> = S extends unknown ? Client<S> : never;
type EachOfAll<S extends Service> = S extends unknown ? EachOf<S> : never;
type PagesOfAll<S extends Service> = S extends unknown ? PagesOf<S> : never;

/**
 * Every method of every service. Failures are `ConnectError`s, with a code, the sentence of the service, and
 * details (`findDetails(ErrorInfoSchema)`).
 */
export type IntegrationsClient = Joined<ClientOf<Service>> & {
  /** The methods that list something, item by item over all pages: `for await (const student of client.each.listStudents({…}))`. */
  readonly each: Joined<EachOfAll<Service>>;
  /** The same, page by page. */
  readonly pages: Joined<PagesOfAll<Service>>;
};

type Method = (request: object, options?: CallOptions) => Promise<unknown>;

/** A client over a transport, which may be one of a test. */
export function createClientOver(transport: Transport): IntegrationsClient {
  const client: Record<string, unknown> = {};
  const each: Record<string, unknown> = {};
  const pages: Record<string, unknown> = {};
  for (const service of services) {
    const methods = createClient(service, transport) as unknown as Record<string, Method>;
    for (const desc of service.methods as readonly DescMethod[]) {
      const name = desc.localName;
      const method = methods[name] as Method;
      client[name] = method;
      const field = listFieldOf(desc);
      if (!field) continue;
      pages[name] = (request: object, options?: CallOptions) => pagesOf(method, request, options);
      each[name] = (request: object, options?: CallOptions) =>
        itemsOf(field, pagesOf(method, request, options));
    }
  }
  return Object.assign(client, { each, pages }) as unknown as IntegrationsClient;
}

/** What every call passes, the outermost first: a key is of each call, a fresh token of each attempt. */
export function interceptorsOf({ token, retry, interceptors = [] }: ClientOptions): Interceptor[] {
  return [
    ...interceptors,
    idempotencyKey,
    ...(retry === false ? [] : [retrying(retry ?? {})]),
    ...(token === undefined ? [] : [bearer(token)]),
  ];
}
