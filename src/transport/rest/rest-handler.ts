import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  create,
  type DescMethodStreaming,
  type DescMethodUnary,
  type JsonValue,
  type Message,
  toJson,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { type HttpBody, HttpBodySchema } from '../../../gen/google/api/httpbody_pb.js';
import { splitPath } from './path-template.js';
import { readJsonBody } from './rest-body.js';
import { buildRequest } from './rest-request.js';
import { answerBody, answerError, answerJson, copyHeaders, type JsonOptions } from './rest-response.js';
import type { RestRoute, RestRouter, RouteMatch } from './rest-routes.js';

export interface RestHandlerOptions {
  router: RestRouter;
  /** Calls the RPCs in this process, through all their interceptors. */
  transport: Transport;
  jsonOptions: JsonOptions;
  maxBodyBytes: number;
  /**
   * What is thrown, as an error of RPCs. `requestId`: what the caller gave; `where`: for the log.
   */
  mapError: (error: unknown, requestId: string | undefined, where: string) => ConnectError;
}

/** Headers of a REST call that its RPC sees. */
const PASSED_ON = ['authorization', 'x-request-id', 'idempotency-key', 'user-agent'];

/** Answers the REST paths of google.api.http, by calling the RPCs they are bound to. */
export function createRestHandler(options: RestHandlerOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    try {
      await handle(options, request, response, abort.signal);
    } catch (error) {
      if (response.headersSent) {
        // Part of a list is out. Only a cut connection says that it is not whole.
        response.destroy();
        return;
      }
      const { headers, method } = request;
      const id = headers['x-request-id'];
      const mapped = options.mapError(error, typeof id === 'string' ? id : undefined, `REST ${method}`);
      await answerError(response, mapped, options.jsonOptions);
    }
  };
}

async function handle(
  options: RestHandlerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
) {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const match = findRoute(options.router, request.method ?? 'GET', url.pathname, response);
  const body = match.route.body ? await readJsonBody(request, options.maxBodyBytes) : undefined;
  const message = buildRequest(match, url.searchParams, body);
  const header = new Headers();
  for (const name of PASSED_ON) {
    const value = request.headers[name];
    if (typeof value === 'string') header.set(name, value);
  }
  const call = { options, route: match.route, message, header, signal, url, response };
  await (match.route.rpc.methodKind === 'unary' ? answerUnary(call) : answerStream(call));
}

function findRoute(
  router: RestRouter,
  method: string,
  pathname: string,
  response: ServerResponse,
): RouteMatch {
  const path = splitPath(pathname);
  const matches = path && router(path);
  if (!matches || matches.size === 0)
    throw new ConnectError(`There is nothing at ${pathname}.`, Code.NotFound);
  const match = matches.get(method);
  if (match) return match;
  const allowed = [...matches.keys()].join(', ');
  response.setHeader('Allow', allowed);
  response.statusCode = 405;
  throw new ConnectError(`${pathname} takes ${allowed}, not ${method}.`, Code.Unimplemented);
}

interface Call {
  options: RestHandlerOptions;
  route: RestRoute;
  message: Message;
  header: Headers;
  signal: AbortSignal;
  url: URL;
  response: ServerResponse;
}

async function answerUnary({ options, route, message, header, signal, url, response }: Call): Promise<void> {
  const result = await options.transport.unary(
    route.rpc as DescMethodUnary,
    signal,
    undefined,
    header,
    message,
  );
  copyHeaders(result.header, response);
  if (route.rpc.output.fields.length === 0) {
    response.writeHead(204).end();
    return;
  }
  if (route.isRaw) {
    answerBody(response, httpBodyOf(route, result.message));
    return;
  }
  const json = toJson(route.rpc.output, result.message, options.jsonOptions);
  const token = route.responseField ? (json as { nextPageToken?: string }).nextPageToken : undefined;
  if (token) response.setHeader('Link', nextLink(url, token));
  // A POST that answers with the place of something has made it.
  if (route.httpMethod === 'POST' && response.hasHeader('location')) response.statusCode = 201;
  await answerJson(response, pick(route, json));
}

/** A streaming answer is a JSON array, written row by row as they come. */
async function answerStream({ options, route, message, header, signal, url, response }: Call): Promise<void> {
  const rpc = route.rpc as DescMethodStreaming;
  const result = await options.transport.stream(rpc, signal, undefined, header, once(message));
  const token = result.header.get('next-page-token');
  copyHeaders(result.header, response);
  if (token) response.setHeader('Link', nextLink(url, token));
  response.setHeader('Content-Type', 'application/json');
  let separator = '[';
  for await (const item of result.message) {
    const text = separator + JSON.stringify(pick(route, toJson(rpc.output, item, options.jsonOptions)));
    separator = ',';
    if (!response.write(text)) await drained(response, signal);
  }
  response.end(separator === '[' ? '[]' : ']');
}

function httpBodyOf({ responseField }: RestRoute, message: Message): HttpBody {
  const body = responseField
    ? (message as unknown as Record<string, HttpBody | undefined>)[responseField.localName]
    : message;
  return (body as HttpBody | undefined) ?? create(HttpBodySchema);
}

function pick({ responseField }: RestRoute, json: JsonValue): JsonValue {
  return responseField ? ((json as { [name: string]: JsonValue })[responseField.jsonName] ?? null) : json;
}

function nextLink(url: URL, token: string): string {
  const next = new URL(url);
  next.searchParams.set('pageToken', token);
  return `<${next.pathname}${next.search}>; rel="next"`;
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new ConnectError('The caller left.', Code.Canceled));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    response.once('drain', () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
