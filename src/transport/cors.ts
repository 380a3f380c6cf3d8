import type { IncomingMessage, ServerResponse } from 'node:http';
import { cors } from '@connectrpc/connect';

const METHODS = [...cors.allowedMethods, 'PUT', 'PATCH', 'DELETE'].join(', ');
const HEADERS = [...cors.allowedHeaders, 'Authorization', 'Idempotency-Key', 'X-Request-Id'].join(', ');
const EXPOSED = [
  ...cors.exposedHeaders,
  'Link',
  'Location',
  'Retry-After',
  'X-Request-Id',
  'Next-Page-Token',
  'Content-Disposition',
  'Idempotent-Replayed',
].join(', ');
const MAX_AGE_SECONDS = '7200';

/**
 * Lets scripts of these origins call. Answers preflight requests itself, and then returns true: those of other
 * origins too, with the variable that would open the service to them.
 */
export function createCors(
  origins: readonly string[],
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    const { origin } = request.headers;
    if (!origin) return false;
    const isPreflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'];
    if (origins.length > 0) response.setHeader('Vary', 'Origin');
    if (!origins.includes('*') && !origins.includes(origin)) {
      if (isPreflight) refuse(response, origin);
      return Boolean(isPreflight);
    }
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', EXPOSED);
    if (!isPreflight) return false;
    response.setHeader('Access-Control-Allow-Methods', METHODS);
    response.setHeader('Access-Control-Allow-Headers', HEADERS);
    response.setHeader('Access-Control-Max-Age', MAX_AGE_SECONDS);
    response.writeHead(204).end();
    return true;
  };
}

function refuse(response: ServerResponse, origin: string): void {
  const message = `Scripts of ${JSON.stringify(origin)} may not call this service. Its operator can add the origin to CORS_ORIGINS.`;
  response.writeHead(403, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ code: 'permission_denied', message }));
}
