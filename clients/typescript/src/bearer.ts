import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import type { Token } from './options.js';

/** What may stand in the header, of RFC 6750 and some more. */
const GOOD = /^[\x21-\x7e]+$/;

/** Sends the token with every call. It is in no address and in no error, whatever it is. */
export function bearer(token: Token): Interceptor {
  return (next) => async (request) => {
    const value = typeof token === 'function' ? await token() : token;
    if (value === undefined) {
      request.header.delete('Authorization');
    } else {
      // Headers would throw an error that shows it.
      if (!GOOD.test(value))
        throw new ConnectError(
          'The token has a blank, a line break or another character that no token has.',
          Code.Unauthenticated,
        );
      request.header.set('Authorization', `Bearer ${value}`);
    }
    return next(request);
  };
}
