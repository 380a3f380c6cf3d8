import { randomUUID } from 'node:crypto';
import { type ContextValues, createContextKey, type Interceptor } from '@connectrpc/connect';

const HEADER = 'x-request-id';
const SANE = /^[\w.:-]{1,128}$/;
const key = createContextKey('');

/** Takes over the caller's request id, or makes one; answers and logs carry it. */
export const requestId: Interceptor = (next) => (request) => {
  const id = requestIdFrom(request.header.get(HEADER));
  request.contextValues.set(key, id);
  return next(request).then((response) => {
    response.header.set(HEADER, id);
    return response;
  });
};

/** The request id that a caller gave, or a new one. */
export function requestIdFrom(given: string | null | undefined): string {
  return given && SANE.test(given) ? given : randomUUID();
}

/** The id of the request that a context belongs to. */
export function requestIdOf(values: ContextValues): string {
  return values.get(key);
}
