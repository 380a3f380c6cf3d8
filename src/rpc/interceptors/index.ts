import type { Interceptor } from '@connectrpc/connect';
import type { Logger } from '../../observability/index.js';
import { accessLog } from './access-log.js';
import { type AuthenticationOptions, authentication } from './authentication.js';
import { errorMapping } from './error-mapping.js';
import { requestId } from './request-id.js';
import { validation } from './validation.js';

export interface InterceptorOptions extends AuthenticationOptions {
  logger: Logger;
}

/** What every call passes, the outermost first. */
export function createInterceptors({ logger, ...access }: InterceptorOptions): Interceptor[] {
  return [requestId, accessLog(logger), errorMapping(logger), authentication(access), validation()];
}
