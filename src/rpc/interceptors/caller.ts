import type { Interceptor } from '@connectrpc/connect';
import { identifyCaller } from '../../audit/index.js';
import { requestIdOf } from './request-id.js';

/** Has the audit know the method that is called, and the id of the request. */
export const caller: Interceptor = (next) => (request) => {
  identifyCaller({ method: request.method.name, requestId: requestIdOf(request.contextValues) });
  return next(request);
};
