import type { IncomingMessage, ServerResponse } from 'node:http';
import { create, type DescMethodUnary, type Message } from '@bufbuild/protobuf';
import type { Admit } from '../admission.js';
import { type BodyForm, type EachPiece, readOnly } from '../bodies/index.js';
import type { Watched } from '../exchange.js';
import type { InProcess } from '../in-process.js';
import type { JsonOptions } from '../json-options.js';
import type { MapError } from '../map-error.js';
import { Presence } from '../presence.js';
import type { ReadingOf } from '../reading.js';
import { binaryWriterOf, jsonWriterOf, type Shape } from '../writers/index.js';
import { connectUnary } from './connect-unary.js';
import { grpcUnary } from './grpc-unary.js';
import type { UnaryProtocol, Written } from './unary-protocol.js';

export interface UnaryOptions {
  rpcs: InProcess;
  jsonOptions: JsonOptions;
  admit: Admit;
  readingOf: ReadingOf;
  mapError: MapError;
}

export interface UnaryRequest {
  rpc: DescMethodUnary;
  form: BodyForm;
  eachPiece: EachPiece;
  watched: Watched;
}

export type AnswerUnary = (
  asked: UnaryRequest,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void>;

/**
 * Answers calls with one message and one answer, by Connect and by gRPC. The handlers of the library work for
 * any RPC and any server; what they do around a small call takes longer than the call.
 */
export function createUnaryHandler(options: UnaryOptions): AnswerUnary {
  const json = connectUnary(true, options.jsonOptions);
  const binary = connectUnary(false, options.jsonOptions);
  return (asked, request, response) => {
    const protocol = asked.form.isEnveloped ? grpcUnary : asked.form.isJson ? json : binary;
    return answer(options, protocol, asked, request, response);
  };
}

async function answer(
  options: UnaryOptions,
  protocol: UnaryProtocol,
  asked: UnaryRequest,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { rpc, form, watched } = asked;
  const presence = new Presence(response);
  try {
    const header = headersOf(request);
    const { timeoutMs, error } = protocol.parseTimeout(
      header.get(protocol.timeoutHeader),
      Number.MAX_SAFE_INTEGER,
    );
    if (error) throw error;
    const message = await messageOf(options, asked, header, request);
    const result = await options.rpcs.unary(rpc, {
      message,
      header,
      presence,
      timeoutMs,
      contextValues: watched.values,
      protocolName: protocol.name,
    });
    const bytes = written(rpc, form, result.message);
    const packing = protocol.answer(request, response, { ...result, message: bytes });
    if (packing) await packing;
  } catch (error) {
    if (response.headersSent || response.destroyed) throw error;
    const id = request.headers['x-request-id'];
    const where = `/${rpc.parent.typeName}/${rpc.name}`;
    const mapped = options.mapError(error, typeof id === 'string' ? id : undefined, where);
    watched.failed(mapped);
    protocol.refuse(response, mapped);
  }
}

function messageOf(
  { admit, readingOf }: UnaryOptions,
  { rpc, form, eachPiece }: UnaryRequest,
  header: Headers,
  request: IncomingMessage,
): Promise<Message> | Message {
  const admission = admit(rpc.parent.typeName, header.get('authorization') ?? undefined);
  if (admission !== 'refused') return readOnly(rpc.input, eachPiece, form, readingOf(request, admission));
  // The interceptors judge the same headers, and refuse it: nothing is read of what was sent.
  return create(rpc.input);
}

/** Text goes out in one piece with the head of its answer. */
function written(rpc: DescMethodUnary, form: BodyForm, message: Shape): Written {
  return (form.isJson ? jsonWriterOf : binaryWriterOf)(rpc.output)(message);
}

function headersOf({ headers }: IncomingMessage): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    // Those of HTTP/2 itself, which are no headers.
    if (name.startsWith(':') || value === undefined) continue;
    if (typeof value === 'string') result.set(name, value);
    else for (const one of value) result.append(name, one);
  }
  return result;
}
