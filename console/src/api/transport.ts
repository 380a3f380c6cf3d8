import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { createIntegrationsTransport } from '@smartid/integrations-client';
import { session } from './session.js';

/** Leads back to signing in when the service turns away the token that is in use. */
const leaveWhenRefused: Interceptor = (next) => async (request) => {
  const { token } = session;
  try {
    return await next(request);
  } catch (error) {
    const isRefused = ConnectError.from(error).code === Code.Unauthenticated;
    if (isRefused && token === session.token) session.close(true);
    throw error;
  }
};

/** Calls the service that this page came from. What failed is asked again by the queries, which show that. */
export const transport = createIntegrationsTransport({
  baseUrl: window.location.origin,
  token: () => session.token,
  retry: false,
  interceptors: [leaveWhenRefused],
});

/** The same with a token that is only tried. */
export function transportWith(token: string) {
  return createIntegrationsTransport({ baseUrl: window.location.origin, token, retry: false });
}
