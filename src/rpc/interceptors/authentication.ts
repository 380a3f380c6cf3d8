import type { Interceptor } from '@connectrpc/connect';
import { ServiceError } from '../../errors.js';
import { callerKey } from './access-log.js';

export interface AuthenticationOptions {
  /** The name of a bearer token; undefined for one that is not known. */
  verify: (token: string) => string | undefined;
  /** Full names of the services that need no token. */
  openServices: readonly string[];
}

/** Lets calls in that bear a good token. */
export function authentication(options: AuthenticationOptions): Interceptor {
  return (next) => (request) => {
    const judged = judge(options, request.service.typeName, request.header.get('authorization'));
    if ('refusal' in judged) throw judged.refusal;
    request.contextValues.set(callerKey, judged.caller);
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
    return 'refusal' in judge({ verify, openServices }, service, authorization ?? null)
      ? 'refused'
      : 'caller';
  };
}

/** `caller`: the name of the token that a call bears; undefined where none is needed. */
type Judged = { caller: string | undefined } | { refusal: ServiceError };

function judge(
  { verify, openServices }: AuthenticationOptions,
  service: string,
  authorization: string | null,
): Judged {
  if (openServices.includes(service)) return { caller: undefined };
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  if (token === undefined)
    return refused('The call needs the header "Authorization: Bearer <token>".', 'TOKEN_MISSING');
  const caller = verify(token);
  return caller === undefined ? refused('The bearer token is not known.', 'TOKEN_UNKNOWN') : { caller };
}

function refused(message: string, reason: string): Judged {
  return { refusal: new ServiceError('unauthenticated', message, { reason }) };
}
