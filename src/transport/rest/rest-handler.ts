import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import {
  create,
  type DescField,
  type DescMethodStreaming,
  type DescMethodUnary,
  type Message,
} from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type HttpBody, HttpBodySchema } from '../../../gen/google/api/httpbody_pb.js';
import { ServiceError } from '../../errors.js';
import type { Admit } from '../admission.js';
import { dropRest, eachPieceOf, type Reading, readWhole } from '../bodies/index.js';
import type { Watch } from '../exchange.js';
import type { Answer, InProcess, InProcessCall } from '../in-process.js';
import type { JsonOptions } from '../json-options.js';
import type { MapError } from '../map-error.js';
import { Presence } from '../presence.js';
import type { ReadingOf } from '../reading.js';
import type { Shape } from '../writers/index.js';
import { answerEvents, hasSeenEnd, wantsEvents } from './event-stream.js';
import { readFormFile } from './multipart.js';
import { splitPath } from './path-template.js';
import { readJsonBody } from './rest-body.js';
import { buildRequest } from './rest-request.js';
import { answerBody, answerError, answerJson, copyHeaders, drained, errorJson } from './rest-response.js';
import type { RestRoute, RestRouter, RouteMatch } from './rest-routes.js';

export interface RestHandlerOptions {
  router: RestRouter;
  /** The RPCs behind the paths. */
  rpcs: InProcess;
  jsonOptions: JsonOptions;
  admit: Admit;
  readingOf: ReadingOf;
  mapError: MapError;
  watch: Watch;
}

/** Headers of a REST call that its RPC sees. */
const PASSED_ON = [
  'authorization',
  'x-request-id',
  'idempotency-key',
  'user-agent',
  'traceparent',
  'tracestate',
  'webhook-id',
  'webhook-timestamp',
  'webhook-signature',
];

/** Answers the REST paths of google.api.http, by calling the RPCs they are bound to. */
export function createRestHandler(options: RestHandlerOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    dropRest(request, response);
    const watched = options.watch(request, response, { protocol: 'rest' });
    try {
      await handle(options, request, response, {
        presence: new Presence(response),
        contextValues: watched.values,
        protocolName: 'rest',
      });
    } catch (error) {
      if (response.headersSent) {
        // Part of a list is out. Only a cut connection says that it is not whole.
        response.destroy();
        return;
      }
      const { headers, method } = request;
      const id = headers['x-request-id'];
      const mapped = options.mapError(error, typeof id === 'string' ? id : undefined, `REST ${method}`);
      watched.failed(mapped);
      answerError(response, mapped, options.jsonOptions);
    }
  };
}

async function handle(
  options: RestHandlerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  way: Pick<Call, 'presence' | 'contextValues' | 'protocolName'>,
) {
  const url = urlOf(request);
  const match = findRoute(options.router, request.method ?? 'GET', url.pathname, response);
  const admission = options.admit(match.route.rpc.parent.typeName, request.headers.authorization);
  const isUpload = match.route.isUpload && admission !== 'refused';
  const message =
    admission === 'refused'
      ? // The RPC's interceptors judge him by the same headers, and turn him away: nothing is read of what he sends.
        create(match.route.rpc.input)
      : isUpload
        ? buildRequest(match, url.searchParams, undefined)
        : await readMessage(match, url.searchParams, request, options.readingOf(request, admission));
  const header = new Headers();
  for (const name of PASSED_ON) {
    const value = request.headers[name];
    if (typeof value === 'string') header.set(name, value);
  }
  const call = { options, route: match.route, message, header, url, response, ...way };
  if (match.route.isUpload) await answerUpload(call, isUpload ? request : undefined);
  else if (match.route.rpc.methodKind === 'unary') await answerUnary(call);
  else if (match.route.isEventStream || wantsEvents(request)) await answerEventStream(call, request);
  else await answerList(call);
}

/** The address of a request. A path may begin with two slashes, which alone would name a host. */
function urlOf({ url = '/' }: IncomingMessage): URL {
  const address = url.startsWith('/') ? `http://localhost${url}` : url;
  if (URL.canParse(address, 'http://localhost')) return new URL(address, 'http://localhost');
  throw new ConnectError('There is nothing at an address that is none.', Code.NotFound);
}

async function readMessage(
  match: RouteMatch,
  query: URLSearchParams,
  request: IncomingMessage,
  reading: Reading,
): Promise<Message> {
  const { rawBody } = match.route;
  if (rawBody) {
    const data = await readWhole(eachPieceOf(request), reading);
    const message = buildRequest(match, query, undefined) as Message & Record<string, unknown>;
    message[rawBody.localName] = create(HttpBodySchema, {
      contentType: request.headers['content-type'] ?? '',
      data,
    });
    return message;
  }
  const body = match.route.body ? await readJsonBody(request, reading) : undefined;
  return buildRequest(match, query, body);
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
  throw new ServiceError('unimplemented', `${pathname} takes ${allowed}, not ${method}.`, {
    reason: 'METHOD_NOT_ALLOWED',
  });
}

interface Call extends InProcessCall {
  options: RestHandlerOptions;
  route: RestRoute;
  url: URL;
  response: ServerResponse;
}

async function answerUnary(call: Call): Promise<void> {
  const { options, route } = call;
  answerOnce(call, await options.rpcs.unary(route.rpc as DescMethodUnary, call));
}

/** `request` has the file; undefined: nothing is read of it. */
async function answerUpload(call: Call, request: IncomingMessage | undefined): Promise<void> {
  const { options, route } = call;
  const messages = messagesOfForm(call, request);
  answerOnce(call, await options.rpcs.collect(route.rpc as DescMethodStreaming, { ...call, messages }));
}

async function* messagesOfForm(
  { route, message }: Call,
  request: IncomingMessage | undefined,
): AsyncGenerator<Message> {
  if (!request) {
    yield message;
    return;
  }
  const { fileName, pieces } = await readFormFile(request);
  yield Object.assign(message, { fileName });
  const field = (route.rpc.input.fields.find(({ name }) => name === route.body) as DescField).localName;
  for await (const piece of pieces) yield create(route.rpc.input, { [field]: piece });
}

function answerOnce({ route, url, response }: Call, result: Answer<Shape>): void {
  copyHeaders(result.header, response);
  if (route.rpc.output.fields.length === 0) {
    response.writeHead(204).end();
    return;
  }
  if (route.isRaw) {
    answerBody(response, httpBodyOf(route, result.message));
    return;
  }
  const token = route.responseField ? result.message.nextPageToken : undefined;
  if (token) response.setHeader('Link', nextLink(url, token));
  if (route.successStatus !== undefined) response.statusCode = route.successStatus;
  answerJson(response, route.write(result.message));
}

/** A list is written in pieces of about so many characters: each costs as much as many rows. */
const PIECE = 64 * 1024;

/** Whether what is waited for is there by the next turn of the event loop, well or not. */
function isThere(upcoming: Promise<unknown>): Promise<boolean> {
  const isSettled = () => true;
  return Promise.race([upcoming.then(isSettled, isSettled), setImmediate(false)]);
}

/** A streaming answer is a JSON array, written as its rows come. */
async function answerList(call: Call): Promise<void> {
  const { options, route, presence, url, response } = call;
  const rpc = route.rpc as DescMethodStreaming;
  const result = await options.rpcs.stream(rpc, call);
  const items = result.message[Symbol.asyncIterator]();
  try {
    // An implementation sets its headers until its first message is there.
    let next = await items.next();
    const token = result.header.get('next-page-token');
    copyHeaders(result.header, response);
    if (token) response.setHeader('Link', nextLink(url, token));
    let text = '[';
    let separator = '';
    const write = async () => {
      if (!response.headersSent) response.setHeader('Content-Type', 'application/json');
      if (!response.write(text)) await drained(response, presence.signal);
      text = '';
    };
    while (!next.done) {
      for (const row of Array.isArray(next.value) ? next.value : [next.value]) {
        text += separator + route.write(row);
        separator = ',';
        if (text.length >= PIECE) await write();
      }
      const upcoming = items.next();
      // What comes next may take a while; what is there already goes out with this.
      if (text.length > 1 && !(await isThere(upcoming))) await write();
      next = await upcoming;
    }
    if (response.headersSent) response.end(`${text}]`);
    else answerJson(response, `${text}]`);
  } finally {
    await items.return?.();
  }
}

/** The same as server-sent events, which is what browsers read. */
async function answerEventStream(call: Call, request: IncomingMessage): Promise<void> {
  const { options, route, header, presence, response } = call;
  if (hasSeenEnd(request)) {
    response.writeHead(204).end();
    return;
  }
  const rpc = route.rpc as DescMethodStreaming;
  const result = await options.rpcs.stream(rpc, call);
  copyHeaders(result.header, response);
  async function* values() {
    for await (const item of result.message)
      for (const message of Array.isArray(item) ? item : [item]) yield route.write(message);
  }
  const id = header.get('x-request-id') ?? undefined;
  await answerEvents(response, values(), {
    signal: presence.signal,
    errorOf: (error) => errorJson(options.mapError(error, id, `REST ${rpc.name}`), options.jsonOptions),
  });
}

function httpBodyOf({ responseField }: RestRoute, message: Shape): HttpBody {
  return create(HttpBodySchema, responseField ? message[responseField.localName] : message);
}

function nextLink(url: URL, token: string): string {
  const next = new URL(url);
  next.searchParams.set('pageToken', token);
  return `<${next.pathname}${next.search}>; rel="next"`;
}
