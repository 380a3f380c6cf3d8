import { create, type DescMessage, type DescService, type Message } from '@bufbuild/protobuf';
import {
  type ConnectRouter,
  type ContextValues,
  createContextKey,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { envelopesWriterOf, inEnvelopes, jsonWriterOf, type Shape } from './writers/index.js';

/** Trailers of gRPC-Web, and the end of a stream of Connect: envelopes without a message. */
const NO_MESSAGE = 0x80 | 0x02;

/** The messages of an answer, written, in the place of which the library carries empty ones. */
export class WrittenMessages {
  readonly #waiting: Buffer[] = [];

  constructor(private readonly isJson: boolean) {}

  /** Takes messages that go out together, each in its envelope. */
  add(desc: DescMessage, messages: readonly Shape[]): void {
    this.#waiting.push(
      this.isJson ? inEnvelopes(messages.map(jsonWriterOf(desc))) : envelopesWriterOf(desc)(messages),
    );
  }

  /** An answer of the library, with what was written instead of its empty messages. */
  into(answer: UniversalServerResponse): UniversalServerResponse {
    return answer.body ? { ...answer, body: this.#replaced(answer.body) } : answer;
  }

  async *#replaced(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      const isMessage = ((chunk[0] ?? 0) & NO_MESSAGE) === 0;
      yield (isMessage && this.#waiting.shift()) || chunk;
    }
  }
}

/** Where the implementations of a call put what they answer; undefined: the library writes it. */
export const writtenMessages = createContextKey<WrittenMessages | undefined>(undefined);

type Implementation = (input: never, context: HandlerContext) => unknown;

/**
 * Writes the one answer of a call, and hands the library an empty one. The outermost: all others see what was
 * answered.
 */
export const writingAnswer: Interceptor = (next) => async (request) => {
  const response = await next(request);
  if (response.stream) return response;
  const { contextValues, method } = request;
  return { ...response, message: carrier(method.output, [response.message as Shape], contextValues) };
};

/**
 * A router whose implementations write the messages of streams themselves, by the writers, and hand the library empty
 * ones. It still does all that makes a protocol.
 */
export function writingRouter(router: ConnectRouter): ConnectRouter {
  const service = (desc: DescService, given: object) => {
    const parts = given as Record<string, Implementation | undefined>;
    const wrapped: Record<string, Implementation> = {};
    for (const { localName, output, methodKind } of desc.methods) {
      const implementation = parts[localName]?.bind(given);
      if (!implementation) continue;
      const isStream = methodKind === 'server_streaming' || methodKind === 'bidi_streaming';
      wrapped[localName] = isStream ? writingStream(output, implementation) : implementation;
    }
    router.service(desc, wrapped as object);
    return writingOne;
  };
  const writingOne = { ...router, handlers: router.handlers, service } as ConnectRouter;
  return writingOne;
}

function writingStream(output: DescMessage, implementation: Implementation): Implementation {
  return async function* (input, context) {
    for await (const message of implementation(input, context) as AsyncIterable<Shape | Shape[]>)
      yield carrier(output, Array.isArray(message) ? message : [message], context.values);
  };
}

function carrier(output: DescMessage, messages: Shape[], values: ContextValues): Message {
  values.get(writtenMessages)?.add(output, messages);
  return create(output);
}
