import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DescService } from '@bufbuild/protobuf';
import { type ConnectRouter, createConnectRouter, type Interceptor } from '@connectrpc/connect';
import { createUniversalHandlerClient } from '@connectrpc/connect/protocol';
import { createTransport } from '@connectrpc/connect/protocol-connect';
import { compressionGzip, connectNodeAdapter } from '@connectrpc/connect-node';
import { Health } from '../../gen/grpc/health/v1/health_pb.js';
import { ServerReflection as ReflectionV1 } from '../../gen/grpc/reflection/v1/reflection_pb.js';
import { ServerReflection as ReflectionV1Alpha } from '../../gen/grpc/reflection/v1alpha/reflection_pb.js';
import type { Logger } from '../observability/index.js';
import { createCors } from './cors.js';
import { healthRoutes } from './health.js';
import { listen, type Timeouts } from './listener.js';
import { reflectionRoutes } from './reflection.js';
import { createRestHandler, createRestRouter, type RestHandlerOptions } from './rest/index.js';

export interface ServerOptions {
  /** Address to listen on. */
  host: string;
  /** Port to listen on; 0 takes any that is free. */
  port: number;
  /** PEM texts of certificate and key; undefined: plaintext. */
  tls?: { cert: string; key: string } | undefined;
  /** The services of the product: for REST paths, reflection and health. */
  services: readonly DescService[];
  /** Hangs their implementations into the router. */
  routes: (router: ConnectRouter) => void;
  /** What every call passes, the outermost first. */
  interceptors: Interceptor[];
  /** What the REST paths throw before an RPC is reached, as an error of RPCs. */
  mapError: RestHandlerOptions['mapError'];
  /** Whether to answer gRPC reflection. */
  reflection: boolean;
  /** Origins that browsers may call from; `*` for all. */
  corsOrigins: readonly string[];
  /** Whether the service can do its work. */
  ready: () => Promise<boolean>;
  logger: Logger;
  /** Largest request message, in bytes. Default 4 MiB. */
  maxBodyBytes?: number;
  /** How long slow clients are waited for. */
  timeouts?: Partial<Timeouts>;
}

export interface RunningServer {
  /** Where it can be reached, without a slash at the end. */
  url: string;
  port: number;
  /** Stops accepting, lets what is in flight finish for `graceMs` milliseconds, then cuts. */
  close(graceMs: number): Promise<void>;
}

/** Services that a caller needs no token for. */
export const healthService = Health.typeName;
export const reflectionServices = [ReflectionV1.typeName, ReflectionV1Alpha.typeName];

const TIMEOUTS: Timeouts = { headersMs: 15_000, requestMs: 60_000, idleMs: 600_000 };
const MAX_BODY = 4 * 1024 * 1024;
const JSON_OPTIONS = { alwaysEmitImplicit: true, ignoreUnknownFields: false };

/** Starts the one port: gRPC, gRPC-Web, Connect, the REST paths, reflection, health. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port, tls, services, interceptors, corsOrigins, ready, maxBodyBytes = MAX_BODY } = options;
  const routes = (router: ConnectRouter) => {
    options.routes(router);
    healthRoutes(services, ready)(router);
    if (options.reflection) reflectionRoutes([...services, Health])(router);
  };
  const routerOptions = { interceptors, jsonOptions: JSON_OPTIONS, readMaxBytes: maxBodyBytes };
  const rest = createRestHandler({
    router: createRestRouter(services),
    transport: inProcess(routes, routerOptions),
    jsonOptions: JSON_OPTIONS,
    maxBodyBytes,
    mapError: options.mapError,
  });
  const probes = createProbes(ready);
  const rpc = connectNodeAdapter({
    ...routerOptions,
    routes,
    acceptCompression: [compressionGzip],
    fallback: (request, response) => {
      const [h1Request, h1Response] = [request as IncomingMessage, response as unknown as ServerResponse];
      if (!probes(h1Request, h1Response)) void rest(h1Request, h1Response);
    },
  });
  const cors = createCors(corsOrigins);
  const listener = await listen({
    host,
    port,
    tls,
    timeouts: { ...TIMEOUTS, ...options.timeouts },
    handler: (request, response) => {
      if (!cors(request, response)) rpc(request, response as never);
    },
  });
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls ? 'https' : 'http'}://${shown}:${listener.port}`,
    port: listener.port,
    close: listener.close,
  };
}

/** The RPCs called within the process, through the same interceptors as from outside. */
function inProcess(routes: (router: ConnectRouter) => void, options: { interceptors: Interceptor[] }) {
  const router = createConnectRouter(options);
  routes(router);
  return createTransport({
    httpClient: createUniversalHandlerClient(router.handlers),
    baseUrl: 'http://in-process',
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: Number.MAX_SAFE_INTEGER,
    readMaxBytes: Number.MAX_SAFE_INTEGER,
    writeMaxBytes: Number.MAX_SAFE_INTEGER,
  });
}

/** /healthz: the process is alive. /readyz: it can do its work. */
function createProbes(ready: () => Promise<boolean>) {
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const path = request.url?.split('?', 1)[0];
    if (path !== '/healthz' && path !== '/readyz') return false;
    const answer = (ok: boolean) => {
      response.writeHead(ok ? 200 : 503, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ status: ok ? 'ok' : 'unavailable' }));
    };
    if (path === '/healthz') answer(true);
    else ready().then(answer, () => answer(false));
    return true;
  };
}
