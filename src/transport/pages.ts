import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServiceError } from '../errors.js';
import type { Admit } from './admission.js';
import { dropRest } from './bodies/index.js';
import type { MapError } from './map-error.js';
import { answerError } from './rest/index.js';

/** What a GET of one path answers, beside the RPCs: for operators and their tools. */
export interface Page {
  path: string;
  /** What a caller without a good token is told; undefined: none is needed. */
  refusal: string | undefined;
  read(): Promise<{ contentType: string; body: string }>;
}

export interface PagesOptions {
  admit: Admit;
  mapError: MapError;
}

/** Answers GET and HEAD of these paths; false when the path is none of them. */
export function createPages(pages: readonly Page[], { admit, mapError }: PagesOptions) {
  const byPath = new Map(pages.map((page) => [page.path, page]));
  const read = async (page: Page, request: IncomingMessage, response: ServerResponse) => {
    if (page.refusal !== undefined && admit(page.path, request.headers.authorization) === 'refused')
      throw new ServiceError('unauthenticated', page.refusal, { reason: 'TOKEN_UNKNOWN' });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      response.writeHead(405).end();
      return;
    }
    const { contentType, body } = await page.read();
    response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const page = byPath.get(request.url?.split('?', 1)[0] ?? '');
    if (!page) return false;
    dropRest(request, response);
    read(page, request, response).catch((error: unknown) => {
      const given = request.headers['x-request-id'];
      const mapped = mapError(error, typeof given === 'string' ? given : undefined, page.path);
      return answerError(response, mapped, {});
    });
    return true;
  };
}
