import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { session } from './session.js';

const bearToken: Interceptor = (next) => async (request) => {
  const bearer = session.token;
  if (bearer && !request.header.has('authorization')) request.header.set('authorization', `Bearer ${bearer}`);
  try {
    return await next(request);
  } catch (error) {
    // Only the token that is in use: one that is being tried is the affair of its form.
    const isRefused = ConnectError.from(error).code === Code.Unauthenticated;
    if (isRefused && bearer && request.header.get('authorization') === `Bearer ${bearer}`)
      session.close(true);
    throw error;
  }
};

/** Calls the service that this page came from. */
export const transport = createConnectTransport({
  baseUrl: window.location.origin,
  interceptors: [bearToken],
  useBinaryFormat: false,
});
