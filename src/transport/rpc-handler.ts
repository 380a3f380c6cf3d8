import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DescMethodUnary } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import { contentTypeUnaryRegExp } from '@connectrpc/connect/protocol-connect';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { Logger, Protocol } from '../observability/index.js';
import type { Admit } from './admission.js';
import {
  type BodyForm,
  checkedBody,
  dropRest,
  eachPieceOf,
  forgetPacking,
  formOf,
  piecesOf,
  smallestBody,
} from './bodies/index.js';
import type { Watch, Watched } from './exchange.js';
import { withGrpcMessage } from './grpc-message.js';
import type { MapError } from './map-error.js';
import type { ReadingOf } from './reading.js';
import type { AnswerUnary, UnaryRequest } from './unary/index.js';
import { WrittenMessages, writtenMessages } from './written-streams.js';

export interface RpcHandlerOptions {
  /** Made by `writingRouter`, with `writingAnswer` as its outermost interceptor. */
  router: ConnectRouter;
  /** Answers the calls with one message and one answer. */
  unary: AnswerUnary;
  admit: Admit;
  readingOf: ReadingOf;
  mapError: MapError;
  watch: Watch;
  logger: Logger;
}

/**
 * Answers RPCs of gRPC, gRPC-Web and Connect; false when the path is none. Headers are judged first: of a
 * caller who will be turned away no body is read, and every other body is bounded while it comes in.
 */
export function createRpcHandler(options: RpcHandlerOptions) {
  const handlers = new Map(options.router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const handler = handlers.get(pathOf(request));
    if (!handler) return false;
    dropRest(request, response);
    answer(options, handler, request, response).catch((error: unknown) => {
      // A Host that is none, or a caller who has left.
      if (!response.headersSent) response.writeHead(400).end();
      if (ConnectError.from(error).code === Code.Aborted) return;
      options.logger.warn({ err: error, rpc: handler.requestPath }, 'an answer could not be written');
    });
    return true;
  };
}

function answer(
  options: RpcHandlerOptions,
  handler: UniversalHandler,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { service, method } = handler;
  const watched = options.watch(request, response, {
    protocol: protocolOf(request),
    service: service.typeName,
    method: method.name,
  });
  const unary = asUnary(handler, request);
  if (unary) return options.unary({ ...unary, watched }, request, response);
  return answerAny(options, handler, watched, request, response);
}

/** What has a form of its own, or streams. */
async function answerAny(
  options: RpcHandlerOptions,
  handler: UniversalHandler,
  watched: Watched,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asked = universalRequestFromNodeRequest(request, response, undefined, watched.values);
  const form = formOf(asked.header);
  const messages = new WrittenMessages(form?.isJson ?? false);
  watched.values.set(writtenMessages, messages);
  // What the library would pack are empty messages.
  for (const name of ACCEPTED_PACKING) asked.header.delete(name);
  const given = { ...asked, body: piecesOf(request) };
  const answered = await handler(guarded(options, handler, given, { request, watched }));
  const whole = form?.isEnveloped && answered.status === 200 ? messages.into(answered) : answered;
  await universalResponseToNodeResponse(withGrpcMessage(whole), response);
}

const ACCEPTED_PACKING = ['grpc-accept-encoding', 'connect-accept-encoding', 'accept-encoding'];
const GRPC_BINARY = /^application\/grpc(\+proto)?$/i;

/**
 * The call of an RPC with one answer, by Connect or by gRPC in its binary form; undefined: any other, and what
 * the library refuses.
 */
function asUnary(
  handler: UniversalHandler,
  request: IncomingMessage,
): Omit<UnaryRequest, 'watched'> | undefined {
  if (handler.method.methodKind !== 'unary') return undefined;
  const method = handler.method as DescMethodUnary;
  const isGet = request.method === 'GET' && method.idempotency === Idempotency.NO_SIDE_EFFECTS;
  if (isGet) return fromQuery(method, request);
  if (request.method !== 'POST') return undefined;
  const { headers } = request;
  const type = headers['content-type'] ?? '';
  const isEnveloped = GRPC_BINARY.test(type);
  if (!isEnveloped && !contentTypeUnaryRegExp.test(type)) return undefined;
  const packing = headers[isEnveloped ? 'grpc-encoding' : 'content-encoding'];
  const form = formIn(packing, { isEnveloped, isJson: /json/i.test(type) });
  return form && { rpc: method, form, eachPiece: eachPieceOf(request) };
}

function formIn(
  packing: string | string[] | null | undefined,
  form: { isEnveloped: boolean; isJson: boolean },
): BodyForm | undefined {
  if (packing === 'gzip') return { ...form, isGzip: true };
  return (packing ?? 'identity') === 'identity' ? { ...form, isGzip: false } : undefined;
}

/** A GET of Connect: its message comes in the address. */
function fromQuery(
  rpc: DescMethodUnary,
  { url = '' }: IncomingMessage,
): Omit<UnaryRequest, 'watched'> | undefined {
  const query = new URLSearchParams(url.split('?', 2)[1]);
  const encoding = query.get('encoding');
  if (encoding !== 'json' && encoding !== 'proto') return undefined;
  const form = formIn(query.get('compression'), { isEnveloped: false, isJson: encoding === 'json' });
  const message = Buffer.from(query.get('message') ?? '', query.get('base64') === '1' ? 'base64url' : 'utf8');
  return form && { rpc, form, eachPiece: async (take) => take(message) };
}

function guarded(
  { admit, readingOf, mapError }: RpcHandlerOptions,
  handler: UniversalHandler,
  given: UniversalServerRequest,
  { request, watched }: { request: IncomingMessage; watched: Watched },
): UniversalServerRequest {
  const { header } = given;
  const form = formOf(header);
  // No handler reads a body of another form.
  if (!form) return given;
  const admission = admit(handler.service.typeName, header.get('authorization') ?? undefined);
  if (admission === 'refused') {
    // The interceptors judge the same headers, and refuse it as they would with its own message: logged, and with a request id.
    forgetPacking(header);
    return { ...given, body: smallestBody(form) };
  }
  const pieces = given.body as AsyncIterable<Uint8Array>;
  const body = checkedBody(handler.method.input, pieces, form, readingOf(request, admission));
  if (!form.isEnveloped && form.isGzip) forgetPacking(header);
  const requestId = header.get('x-request-id') ?? undefined;
  const explain = (error: unknown) => {
    const explained = mapError(error, requestId, handler.requestPath);
    watched.failed(explained);
    return explained;
  };
  return { ...given, body: mapped(body, explain) };
}

async function* mapped<T>(pieces: AsyncIterable<T>, map: (error: unknown) => Error): AsyncGenerator<T> {
  try {
    yield* pieces;
  } catch (error) {
    throw map(error);
  }
}

function protocolOf({ headers }: IncomingMessage): Protocol {
  const type = headers['content-type'] ?? '';
  if (type.startsWith('application/grpc-web')) return 'grpc-web';
  return type.startsWith('application/grpc') ? 'grpc' : 'connect';
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] as string;
}
