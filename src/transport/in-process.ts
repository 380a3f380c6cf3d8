import type {
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  DescService,
  Message,
} from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createHandlerContext,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
} from '@connectrpc/connect';
import type { Presence } from './presence.js';
import type { Shape } from './writers/index.js';

/**
 * Calls RPCs within the process, through the interceptors. What implementations answer is handed on as they
 * made it: the shape of a message, which the writers take.
 */
export interface InProcess {
  unary(rpc: DescMethodUnary, call: InProcessCall): Promise<Answer<Shape>>;
  /** RPCs that answer once to a stream. */
  collect(
    rpc: DescMethodStreaming,
    call: Omit<InProcessCall, 'message'> & { messages: AsyncIterable<Message> },
  ): Promise<Answer<Shape>>;
  /** RPCs that answer with a stream to one message. What it yields may be a list of messages. */
  stream(rpc: DescMethodStreaming, call: InProcessCall): Promise<Answer<AsyncIterable<Shape | Shape[]>>>;
}

export interface InProcessCall {
  message: Message;
  header: Headers;
  /** Whether the caller is still there. */
  presence: Presence;
  /** What is known of the call, for its interceptors and its implementation. */
  contextValues: ContextValues;
  protocolName: 'rest' | 'connect' | 'grpc';
  /** How long the caller waits, in milliseconds; undefined: as long as it takes. */
  timeoutMs?: number | undefined;
}

export interface Answer<T> {
  message: T;
  header: Headers;
  trailer: Headers;
}

type AnyFn = Parameters<Interceptor>[0];
type Implementation = (input: unknown, context: HandlerContext) => unknown;

/** The context of a call, on the request that its interceptors hand on. */
const CONTEXT = Symbol('context');

/** Nothing is written to bytes and read again between a path and its RPC: that took most of the time. */
export function createInProcess(
  routes: (router: ConnectRouter) => void,
  interceptors: readonly Interceptor[],
): InProcess {
  const within = (last: (implementation: Implementation) => AnyFn) => {
    const chains = new Map<DescMethod, AnyFn>();
    for (const [rpc, implementation] of implementations) {
      const chain = interceptors.reduceRight<AnyFn>((next, one) => one(next), last(implementation));
      chains.set(rpc, chain);
    }
    return chains;
  };
  const implementations = collect(routes);
  const once = within(unary);
  const many = within(stream);
  const call = async (
    chains: ReadonlyMap<DescMethod, AnyFn>,
    rpc: DescMethod,
    asked: Omit<InProcessCall, 'message'>,
    message: Message | AsyncIterable<Message>,
  ) => {
    const chain = chains.get(rpc);
    if (!chain) throw new ConnectError(`${rpc.toString()} is not implemented.`, Code.Unimplemented);
    const context = contextOf(rpc, asked);
    const request = new CallRequest(context, asked.header, message);
    return (await chain(request as unknown as UnaryRequest)) as unknown as Answer<never>;
  };
  return {
    unary: (rpc, asked) => call(once, rpc, asked, asked.message),
    // The one answer is made of the stream as that of other calls is of the message.
    collect: (rpc, asked) => call(once, rpc, asked, asked.messages),
    stream: (rpc, asked) => call(many, rpc, asked, only(asked.message)),
  };
}

function contextOf(
  rpc: DescMethod,
  { header, presence, contextValues, protocolName, timeoutMs }: Omit<InProcessCall, 'message'>,
): HandlerContext {
  const url = `in-process:/${rpc.parent.typeName}/${rpc.name}`;
  if (timeoutMs === undefined)
    return new CallContext(rpc, url, protocolName, contextValues, header, presence);
  return createHandlerContext({
    service: rpc.parent,
    method: rpc,
    requestMethod: 'POST',
    url,
    protocolName,
    timeoutMs,
    requestSignal: presence.signal,
    requestHeader: header,
    contextValues,
  });
}

/** A call without a deadline. Its signal is the caller's own: linking several costs more than a small answer. */
class CallContext implements HandlerContext {
  readonly requestMethod = 'POST';
  readonly responseHeader = new Headers();
  readonly responseTrailer = new Headers();

  constructor(
    readonly method: DescMethod,
    readonly url: string,
    readonly protocolName: string,
    readonly values: ContextValues,
    readonly requestHeader: Headers,
    private readonly presence: Presence,
  ) {}

  get service() {
    return this.method.parent;
  }

  get signal() {
    return this.presence.signal;
  }

  timeoutMs() {
    return undefined;
  }
}

/** What interceptors see of a call. A copy that they hand on has no signal; implementations have that of the context. */
class CallRequest {
  readonly service: DescService;
  readonly method: DescMethod;
  readonly requestMethod: string;
  readonly url: string;
  readonly contextValues: ContextValues;
  readonly stream: boolean;
  readonly [CONTEXT]: HandlerContext;

  constructor(
    context: HandlerContext,
    readonly header: Headers,
    readonly message: Message | AsyncIterable<Message>,
  ) {
    this.service = context.service;
    this.method = context.method;
    this.requestMethod = context.requestMethod;
    this.url = context.url;
    this.contextValues = context.values;
    this.stream = context.method.methodKind !== 'unary';
    this[CONTEXT] = context;
  }

  get signal() {
    return this[CONTEXT].signal;
  }
}

/** The implementations that are hung into a router. */
function collect(routes: (router: ConnectRouter) => void): ReadonlyMap<DescMethod, Implementation> {
  const found = new Map<DescMethod, Implementation>();
  const router: ConnectRouter = {
    handlers: [],
    service(service, given) {
      const parts = given as Record<string, Implementation | undefined>;
      for (const rpc of service.methods) {
        const implementation = parts[rpc.localName];
        if (implementation) found.set(rpc, implementation.bind(given));
      }
      return router;
    },
    rpc(rpc, implementation) {
      found.set(rpc, implementation as Implementation);
      return router;
    },
  };
  routes(router);
  return found;
}

function unary(implementation: Implementation): AnyFn {
  return async (request) => {
    const context = contextIn(request);
    return answer(context, false, await implementation(request.message, context));
  };
}

function stream(implementation: Implementation): AnyFn {
  return async (request) => {
    const context = contextIn(request);
    const [message] = await all(request.message as AsyncIterable<Message>);
    return answer(context, true, implementation(message, context));
  };
}

function contextIn(request: Parameters<AnyFn>[0]): HandlerContext {
  return (request as unknown as { [CONTEXT]: HandlerContext })[CONTEXT];
}

function answer(context: HandlerContext, isStream: boolean, message: unknown): Awaited<ReturnType<AnyFn>> {
  const { service, method, responseHeader: header, responseTrailer: trailer } = context;
  return { service, method, header, trailer, stream: isStream, message } as never;
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

async function* only<T>(value: T): AsyncGenerator<T> {
  yield value;
}
