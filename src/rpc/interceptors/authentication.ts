import type { Interceptor } from '@connectrpc/connect';
import { ServiceError } from '../../errors.js';

export interface AuthenticationOptions {
  /** Tells whether a bearer token is good. */
  verify: (token: string) => boolean;
  /** Full names of the services that need no token. */
  openServices: readonly string[];
}

/** Lets calls in that bear a good token. */
export function authentication({ verify, openServices }: AuthenticationOptions): Interceptor {
  return (next) => (request) => {
    if (openServices.includes(request.service.typeName)) return next(request);
    const [, token] = /^Bearer +(\S+)$/i.exec(request.header.get('authorization') ?? '') ?? [];
    if (token === undefined)
      throw refused('The call needs the header "Authorization: Bearer <token>".', 'TOKEN_MISSING');
    if (!verify(token)) throw refused('The bearer token is not known.', 'TOKEN_UNKNOWN');
    return next(request);
  };
}

function refused(message: string, reason: string): ServiceError {
  return new ServiceError('unauthenticated', message, { reason });
}
