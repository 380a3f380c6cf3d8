import type { Interceptor } from '@connectrpc/connect';
import type { Logger } from '../../observability/index.js';
import { accessLog } from './access-log.js';
import { type AuthenticationOptions, authentication } from './authentication.js';
import { errorMapping } from './error-mapping.js';
import { type InLane, lane } from './lane.js';
import { requestId } from './request-id.js';
import { validation } from './validation.js';

export { errorMapper, type MapError } from './error-mapping.js';

export interface InterceptorOptions extends AuthenticationOptions {
  logger: Logger;
  /** Runs work whose queries share a few connections with all others of the same name. */
  inLane: InLane;
}

/** What every call passes, the outermost first. */
export function createInterceptors({ logger, inLane, ...access }: InterceptorOptions): Interceptor[] {
  return [
    requestId,
    accessLog(logger),
    errorMapping(logger),
    authentication(access),
    validation(),
    lane(inLane),
  ];
}
