import type { Interceptor } from '@connectrpc/connect';
import { identifyCaller } from '../../audit/index.js';
import { ServiceError } from '../../errors.js';

export interface AuthenticationOptions {
  /** Tells the name of a bearer token; undefined when it is not good. */
  verify: (token: string) => string | undefined;
  /** Full names of the services that need no token. */
  openServices: readonly string[];
}

/** Lets calls in that bear a good token. */
export function authentication(options: AuthenticationOptions): Interceptor {
  return (next) => (request) => {
    const judged = judge(options, request.service.typeName, request.header.get('authorization'));
    if (judged instanceof ServiceError) throw judged;
    identifyCaller({ actor: judged });
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
    return judge({ verify, openServices }, service, authorization ?? null) instanceof ServiceError
      ? 'refused'
      : 'caller';
  };
}

/** The name of the caller, undefined where none is asked for, or the refusal. */
function judge(
  { verify, openServices }: AuthenticationOptions,
  service: string,
  authorization: string | null,
): ServiceError | string | undefined {
  if (openServices.includes(service)) return undefined;
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  if (token === undefined)
    return refused('The call needs the header "Authorization: Bearer <token>".', 'TOKEN_MISSING');
  return verify(token) ?? refused('The bearer token is not known.', 'TOKEN_UNKNOWN');
}

function refused(message: string, reason: string): ServiceError {
  return new ServiceError('unauthenticated', message, { reason });
}
