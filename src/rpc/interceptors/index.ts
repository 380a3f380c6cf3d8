import type { Interceptor } from '@connectrpc/connect';
import type { Logger } from '../../observability/index.js';
import { accessLog } from './access-log.js';
import { type AuthenticationOptions, authentication } from './authentication.js';
import { caller } from './caller.js';
import { errorMapping } from './error-mapping.js';
import { type InLane, lane } from './lane.js';
import { type RefusalsOptions, refusals } from './refusals.js';
import { requestId } from './request-id.js';
import { validation } from './validation.js';

export { admission } from './authentication.js';
export { errorMapper, type MapError } from './error-mapping.js';
export { requestIdOf } from './request-id.js';
export { compileRules } from './validation.js';

export interface InterceptorOptions extends AuthenticationOptions {
  logger: Logger;
  /** Writes refused calls down. */
  recordRefusal: RefusalsOptions['record'];
  /** Runs work whose queries share a few connections with all others of the same name. */
  inLane: InLane;
}

/** What every call passes, the outermost first. */
export function createInterceptors({
  logger,
  inLane,
  recordRefusal,
  ...access
}: InterceptorOptions): Interceptor[] {
  return [
    requestId,
    caller,
    accessLog(logger),
    refusals({ record: recordRefusal, logger }),
    errorMapping(logger),
    authentication(access),
    validation(),
    lane(inLane),
  ];
}
