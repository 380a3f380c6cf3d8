import type { Interceptor } from '@connectrpc/connect';
import { ServiceError } from '../../errors.js';

export interface AuthenticationOptions {
  /** Tells whether a bearer token is good. */
  verify: (token: string) => boolean;
  /** Full names of the services that need no token. */
  openServices: readonly string[];
}

/** Lets calls in that bear a good token. */
export function authentication(options: AuthenticationOptions): Interceptor {
  return (next) => (request) => {
    const refusal = refusalOf(options, request.service.typeName, request.header.get('authorization'));
    if (refusal) throw refusal;
    return next(request);
  };
}

/**
 * The same judgement from the headers alone, before the body of a call is read: whether it bears a good token,
 * is of a service that needs none, or will be refused.
 */
export function admission({ verify, openServices }: AuthenticationOptions) {
  return (service: string, authorization: string | undefined): 'caller' | 'open' | 'refused' => {
    if (openServices.includes(service)) return 'open';
    return refusalOf({ verify, openServices }, service, authorization ?? null) ? 'refused' : 'caller';
  };
}

function refusalOf(
  { verify, openServices }: AuthenticationOptions,
  service: string,
  authorization: string | null,
): ServiceError | undefined {
  if (openServices.includes(service)) return undefined;
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  if (token === undefined)
    return refused('The call needs the header "Authorization: Bearer <token>".', 'TOKEN_MISSING');
  return verify(token) ? undefined : refused('The bearer token is not known.', 'TOKEN_UNKNOWN');
}

function refused(message: string, reason: string): ServiceError {
  return new ServiceError('unauthenticated', message, { reason });
}
