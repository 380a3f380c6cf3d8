import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import type { Logger } from '../../observability/index.js';
import { requestIdOf } from './request-id.js';

/** One line a call: what was called, how it ended, how long it took. Never a body, a header or a secret. */
export function accessLog(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const start = performance.now();
    const done = (error?: unknown) => {
      logger.info(
        {
          rpc: `${request.service.typeName}/${request.method.name}`,
          code: error === undefined ? 'ok' : codeToString(ConnectError.from(error).code),
          ms: Math.round((performance.now() - start) * 10) / 10,
          requestId: requestIdOf(request.contextValues),
        },
        'call',
      );
    };
    try {
      const response = await next(request);
      if (!response.stream) {
        done();
        return response;
      }
      return { ...response, message: observed(response.message, done) };
    } catch (error) {
      done(error);
      throw error;
    }
  };
}

async function* observed<T>(messages: AsyncIterable<T>, done: (error?: unknown) => void): AsyncGenerator<T> {
  // What is left when the caller leaves before the end.
  let end: unknown = new ConnectError('The caller left.', Code.Canceled);
  try {
    yield* messages;
    end = undefined;
  } catch (error) {
    end = error;
    throw error;
  } finally {
    done(end);
  }
}
