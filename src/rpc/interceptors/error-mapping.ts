import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.js';
import { type ErrorCode, ServiceError } from '../../errors.js';
import type { Logger } from '../../observability/index.js';
import { requestIdOf } from './request-id.js';

const DOMAIN = 'integrations.smartid';

const CODES: Readonly<Record<ErrorCode, Code>> = {
  invalid_argument: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  aborted: Code.Aborted,
  failed_precondition: Code.FailedPrecondition,
  resource_exhausted: Code.ResourceExhausted,
  unimplemented: Code.Unimplemented,
  unavailable: Code.Unavailable,
};

/**
 * Turns what services throw into the public error model. What is not a ServiceError is our fault, and says
 * nothing more.
 */
export function errorMapping(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const mapped = (error: unknown) => {
      const id = requestIdOf(request.contextValues);
      const result = toConnectError(error, id);
      // An error answer has no response header to set: the id travels with the error.
      result.metadata.set('x-request-id', id);
      if (result.code === Code.Internal) {
        const rpc = `${request.service.typeName}/${request.method.name}`;
        logger.error({ err: error, rpc, requestId: id }, 'internal error');
      }
      return result;
    };
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: rethrowing(response.message, mapped) } : response;
    } catch (error) {
      throw mapped(error);
    }
  };
}

async function* rethrowing<T>(messages: AsyncIterable<T>, map: (error: unknown) => Error): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw map(error);
  }
}

function toConnectError(error: unknown, requestId: string): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof ServiceError) return fromServiceError(error);
  if (error instanceof Error && error.name === 'AbortError')
    return new ConnectError('The call was cancelled.', Code.Canceled);
  return new ConnectError(
    `The service had an internal error. Its log has it under request id ${requestId}.`,
    Code.Internal,
  );
}

function fromServiceError({ code, message, reason, metadata, violations }: ServiceError): ConnectError {
  const result = new ConnectError(message, CODES[code]);
  result.details.push({ desc: ErrorInfoSchema, value: { reason, domain: DOMAIN, metadata } });
  if (violations.length > 0)
    result.details.push({ desc: BadRequestSchema, value: { fieldViolations: [...violations] } });
  if (code === 'unauthenticated') result.metadata.set('www-authenticate', 'Bearer');
  if (metadata.retryAfterSeconds) result.metadata.set('retry-after', metadata.retryAfterSeconds);
  return result;
}
