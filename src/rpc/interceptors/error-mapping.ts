import type { ConnectError, Interceptor } from '@connectrpc/connect';
import { Code } from '@connectrpc/connect';
import type { Logger } from '../../observability/index.js';
import { toConnectError } from '../to-connect-error.js';
import { requestIdFrom, requestIdOf } from './request-id.js';

/** Turns what services throw into the public error model. */
export function errorMapping(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const where = `${request.service.typeName}/${request.method.name}`;
    const mapped = (error: unknown) => map(logger, error, requestIdOf(request.contextValues), where);
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: rethrowing(response.message, mapped) } : response;
    } catch (error) {
      throw mapped(error);
    }
  };
}

/** The same for what fails before an RPC is reached: `given` is the caller's request id, `where` the path. */
export type MapError = (error: unknown, given: string | undefined, where: string) => ConnectError;

export function errorMapper(logger: Logger): MapError {
  return (error, given, where) => map(logger, error, requestIdFrom(given), where);
}

function map(logger: Logger, error: unknown, requestId: string, where: string): ConnectError {
  const result = toConnectError(error, requestId);
  // An error answer has no response header to set: the id travels with the error.
  if (!result.metadata.has('x-request-id')) result.metadata.set('x-request-id', requestId);
  if (result.code === Code.Internal && result !== error) {
    logger.error({ err: error, rpc: where, requestId }, 'internal error');
  }
  return result;
}

async function* rethrowing<T>(
  messages: AsyncIterable<T>,
  mapped: (error: unknown) => Error,
): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw mapped(error);
  }
}
