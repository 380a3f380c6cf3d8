import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DescService } from '@bufbuild/protobuf';
import { type ConnectRouter, createConnectRouter, type Interceptor } from '@connectrpc/connect';
import { compressionGzip } from '@connectrpc/connect-node';
import { Health } from '../../gen/grpc/health/v1/health_pb.js';
import { ServerReflection as ReflectionV1 } from '../../gen/grpc/reflection/v1/reflection_pb.js';
import { ServerReflection as ReflectionV1Alpha } from '../../gen/grpc/reflection/v1alpha/reflection_pb.js';
import type { Logger } from '../observability/index.js';
import type { Admit } from './admission.js';
import { MOST_DEPTH, recursionLimit } from './bodies/index.js';
import { createCallerAddress } from './caller-address.js';
import { createCors } from './cors.js';
import { endingStreams } from './ending-streams.js';
import { createWatch } from './exchange.js';
import { healthRoutes } from './health.js';
import { createInProcess } from './in-process.js';
import { listen } from './listener.js';
import type { MapError } from './map-error.js';
import { createPages, type Page } from './pages.js';
import { createReadings } from './reading.js';
import { createReference } from './reference/index.js';
import { reflectionRoutes } from './reflection.js';
import { createRestHandler, createRestRouter } from './rest/index.js';
import { createRpcHandler } from './rpc-handler.js';
import { createSite } from './site/index.js';
import type { Timeouts } from './timeouts.js';
import { createUnaryHandler } from './unary/index.js';
import { writingAnswer, writingRouter } from './written-streams.js';

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
  /** Does all of a call, for whoever is at this address. Default: does it. */
  inCall?: <T>(address: string | undefined, work: () => T) => T;
  /** Judges callers by their headers, before a body is read. */
  admit: Admit;
  /** What is thrown before an RPC is reached, as an error of RPCs. */
  mapError: MapError;
  /** Whether to answer gRPC reflection. */
  reflection: boolean;
  /** Origins that browsers may call from; `*` for all. */
  corsOrigins: readonly string[];
  /** What keeps the service from its work, a sentence each. */
  obstacles: () => Promise<readonly string[]>;
  /** What is answered besides, at paths of its own. */
  pages?: readonly Page[];
  /** Folder of the built console; undefined: there is none. */
  consoleFolder?: string;
  logger: Logger;
  /** Largest request message, in bytes. Default 4 MiB. */
  maxBodyBytes?: number;
  /** Addresses and ranges of proxies whose X-Forwarded-For is believed. */
  trustProxy?: readonly string[];
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

const TIMEOUTS: Timeouts = { headersMs: 15_000, requestMs: 60_000, idleMs: 600_000, pingMs: 30_000 };
const MAX_BODY = 4 * 1024 * 1024;
/** Bodies have bounds of their own; those of protobuf-es must not be narrower. */
const DEPTH = { recursionLimit: recursionLimit({ depth: MOST_DEPTH }) };
const JSON_OPTIONS = { alwaysEmitImplicit: true, ignoreUnknownFields: false, ...DEPTH };

/** Starts the one port: gRPC, gRPC-Web, Connect, the REST paths, reflection, health, the console. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port, tls, services, corsOrigins, obstacles, maxBodyBytes = MAX_BODY } = options;
  const callerAddress = createCallerAddress(options.trustProxy ?? []);
  const { admit, mapError, logger, inCall = (_address, work) => work() } = options;
  const ending = new AbortController();
  const interceptors = [endingStreams(ending.signal), ...options.interceptors];
  const routes = (router: ConnectRouter) => {
    options.routes(router);
    healthRoutes(services, async () => (await obstacles()).length === 0)(router);
    if (options.reflection) reflectionRoutes([...services, Health])(router);
  };
  const routerOptions = {
    interceptors,
    jsonOptions: JSON_OPTIONS,
    binaryOptions: DEPTH,
    readMaxBytes: maxBodyBytes,
  };
  const readingOf = createReadings(maxBodyBytes);
  const watch = createWatch(logger);
  const rpcs = createInProcess(routes, interceptors);
  const doors = { rpcs, jsonOptions: JSON_OPTIONS, admit, readingOf, mapError };
  const rest = createRestHandler({ router: createRestRouter(services), watch, ...doors });
  const probes = createProbes(obstacles);
  const rpcRouter = createConnectRouter({
    ...routerOptions,
    interceptors: [writingAnswer, ...interceptors],
    acceptCompression: [compressionGzip],
  });
  routes(writingRouter(rpcRouter));
  const unary = createUnaryHandler(doors);
  const rpc = createRpcHandler({ router: rpcRouter, unary, admit, readingOf, mapError, watch, logger });
  const pages = createPages(options.pages ?? [], { admit, mapError });
  const site = options.consoleFolder === undefined ? () => false : createSite(options.consoleFolder);
  const reference = createReference();
  const cors = createCors(corsOrigins);
  const listener = await listen({
    host,
    port,
    tls,
    timeouts: { ...TIMEOUTS, ...options.timeouts },
    handler: (request, response) =>
      inCall(callerAddress(request), () => {
        if (cors(request, response) || rpc(request, response)) return;
        if (probes(request, response) || pages(request, response)) return;
        if (reference(request, response) || site(request, response)) return;
        void rest(request, response);
      }),
  });
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls ? 'https' : 'http'}://${shown}:${listener.port}`,
    port: listener.port,
    async close(graceMs) {
      ending.abort();
      await listener.close(graceMs);
    },
  };
}

/** /healthz: the process is alive. /readyz: it can do its work, or what keeps it from that. */
function createProbes(obstacles: ServerOptions['obstacles']) {
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const path = request.url?.split('?', 1)[0];
    if (path !== '/healthz' && path !== '/readyz') return false;
    const answer = (problems: readonly string[]) => {
      const isFine = problems.length === 0;
      response.writeHead(isFine ? 200 : 503, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(isFine ? { status: 'ok' } : { status: 'unavailable', problems }));
    };
    if (path === '/healthz') answer([]);
    else obstacles().then(answer, () => answer(['The service cannot tell how it is.']));
    return true;
  };
}
