import {
  create,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type Message,
} from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createHandlerContext,
  type HandlerContext,
  type Interceptor,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';

/** Calls RPCs within the process, through the interceptors, with messages as they are. */
export interface InProcess {
  unary(rpc: DescMethodUnary, call: InProcessCall): Promise<UnaryResponse>;
  /** RPCs that answer with a stream to one message. */
  stream(rpc: DescMethodStreaming, call: InProcessCall): Promise<StreamResponse>;
}

export interface InProcessCall {
  message: Message;
  header: Headers;
  signal: AbortSignal;
  contextValues: ContextValues;
}

type AnyFn = Parameters<Interceptor>[0];
type Implementation = (input: unknown, context: HandlerContext) => unknown;

/** Nothing is written to bytes and read again between a REST path and its RPC: that took most of the time. */
export function createInProcess(
  routes: (router: ConnectRouter) => void,
  interceptors: readonly Interceptor[],
): InProcess {
  const implementations = collect(routes);
  const call = async (rpc: DescMethod, asked: InProcessCall, last: typeof unary) => {
    const { message, header, signal, contextValues } = asked;
    const implementation = implementations.get(rpc);
    if (!implementation) throw new ConnectError(`${rpc.toString()} is not implemented.`, Code.Unimplemented);
    const common = {
      service: rpc.parent,
      method: rpc,
      requestMethod: 'POST',
      url: `in-process:/${rpc.parent.typeName}/${rpc.name}`,
      contextValues,
    };
    const context = createHandlerContext({
      ...common,
      protocolName: 'rest',
      requestSignal: signal,
      requestHeader: header,
    });
    const run = interceptors.reduceRight<AnyFn>(
      (next, interceptor) => interceptor(next),
      last(implementation, context),
    );
    const isStream = rpc.methodKind !== 'unary';
    return run({
      ...common,
      signal: context.signal,
      header,
      stream: isStream,
      message: isStream ? once(message) : message,
    } as unknown as UnaryRequest);
  };
  return {
    unary: async (rpc, asked) => (await call(rpc, asked, unary)) as UnaryResponse,
    stream: async (rpc, asked) => (await call(rpc, asked, stream)) as StreamResponse,
  };
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

function unary(implementation: Implementation, context: HandlerContext): AnyFn {
  return async (request) => {
    const message = await implementation(request.message, context);
    return answer(context, false, create(context.method.output, message as Message));
  };
}

function stream(implementation: Implementation, context: HandlerContext): AnyFn {
  return async (request) => {
    const [message] = await all(request.message as AsyncIterable<Message>);
    const messages = implementation(message, context) as AsyncIterable<Message>;
    return answer(context, true, created(context.method, messages));
  };
}

function answer(context: HandlerContext, isStream: boolean, message: unknown): UnaryResponse {
  const { service, method, responseHeader: header, responseTrailer: trailer } = context;
  return { service, method, header, trailer, stream: isStream, message } as unknown as UnaryResponse;
}

async function* created({ output }: DescMethod, messages: AsyncIterable<Message>): AsyncGenerator<Message> {
  for await (const message of messages) yield create(output, message);
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
