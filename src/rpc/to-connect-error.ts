import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.js';
import { type ErrorCode, presentable, ServiceError } from '../errors.js';

const DOMAIN = 'integrations.smartid';

const CODES: Readonly<Record<ErrorCode, Code>> = {
  invalid_argument: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  aborted: Code.Aborted,
  deadline_exceeded: Code.DeadlineExceeded,
  failed_precondition: Code.FailedPrecondition,
  resource_exhausted: Code.ResourceExhausted,
  unimplemented: Code.Unimplemented,
  unavailable: Code.Unavailable,
};

/**
 * What services throw, as the public error model of RPCs and REST paths alike: a code, a sentence, and
 * details for programs. What is not a ServiceError is a fault of ours and says nothing more than where the
 * log has it.
 */
export function toConnectError(error: unknown, requestId: string): ConnectError {
  if (error instanceof ConnectError) return presented(error);
  if (error instanceof ServiceError) return fromServiceError(error);
  if (error instanceof Error && error.name === 'AbortError') {
    return new ConnectError('The call was cancelled.', Code.Canceled);
  }
  return new ConnectError(
    `The service had an internal error. Its log has it under request id ${requestId}.`,
    Code.Internal,
  );
}

function presented(error: ConnectError): ConnectError {
  const message = presentable(error.rawMessage);
  if (message === error.rawMessage) return error;
  const result = new ConnectError(message, error.code, error.metadata, undefined, error.cause);
  result.details.push(...error.details);
  return result;
}

function fromServiceError({ code, message, reason, metadata, violations }: ServiceError): ConnectError {
  const result = new ConnectError(message, CODES[code]);
  result.details.push({ desc: ErrorInfoSchema, value: { reason, domain: DOMAIN, metadata } });
  if (violations.length > 0) {
    result.details.push({ desc: BadRequestSchema, value: { fieldViolations: [...violations] } });
  }
  if (code === 'unauthenticated') result.metadata.set('www-authenticate', 'Bearer');
  if (metadata.retryAfterSeconds) result.metadata.set('retry-after', metadata.retryAfterSeconds);
  return result;
}
