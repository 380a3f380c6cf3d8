import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dropRest } from '../bodies/index.js';
import { type Packing, readSiteFiles, type SiteFile, type SiteFiles } from './site-files.js';

/** Everything of the site is here, and at `/`; no REST path begins like this. */
export const siteRoot = '/console';

const NOT_BUILT = 'This service was built without its console. `npm run build` builds it.\n';
const EXTENSIONS: Readonly<Record<Packing, string>> = { br: '.br', gzip: '.gz' };
/** The names of these files change with what is in them. */
const IMMUTABLE = `${siteRoot}/assets/`;

/**
 * What the pages may do: scripts come from files of this service alone, and calls go to it alone. Styles may be
 * inline, since the library of the parts writes some.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves a built site to browsers, at `/` and below its root; false for every other path. `folder`: what the
 * build made; where it is not there, `/` says so.
 */
export function createSite(folder: string): (request: IncomingMessage, response: ServerResponse) => boolean {
  const files = readSiteFiles(folder, siteRoot);
  return (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '';
    if (path !== '/' && path !== siteRoot && !path.startsWith(`${siteRoot}/`)) return false;
    dropRest(request, response);
    setHeaders(response);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
      return true;
    }
    answer(files, path, request, response).catch(() => response.destroy());
    return true;
  };
}

function setHeaders(response: ServerResponse): void {
  response.setHeader('Content-Security-Policy', POLICY);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
}

async function answer(
  files: SiteFiles | undefined,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!files) return answerText(request, response, NOT_BUILT);
  const file = files.byPath.get(path);
  if (file) return answerFile(file, path.startsWith(IMMUTABLE), request, response);
  if (path.startsWith(IMMUTABLE)) return answerText(request, response, 'There is no such file.\n');
  // The page itself tells of an address that is none of its own.
  response.statusCode = isPage(files, path) ? 200 : 404;
  return answerFile(files.index, false, request, response);
}

function isPage({ pages }: SiteFiles, path: string): boolean {
  const [first = ''] = path.slice(siteRoot.length + 1).split('/', 1);
  return first === '' || pages.has(first);
}

async function answerFile(
  file: SiteFile,
  isImmutable: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const packing = file.packings.find((name) => accepts(request, name));
  const etag = packing ? file.etag.replace(/"$/, `-${packing}"`) : file.etag;
  response.setHeader('ETag', etag);
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('Cache-Control', isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache');
  if (response.statusCode === 200 && hasAlready(request, etag)) {
    response.writeHead(304).end();
    return;
  }
  const body = await readFile(file.path + (packing ? EXTENSIONS[packing] : ''));
  response.setHeader('Content-Type', file.contentType);
  response.setHeader('Content-Length', body.length);
  if (packing) response.setHeader('Content-Encoding', packing);
  response.end(request.method === 'HEAD' ? undefined : body);
}

function answerText(request: IncomingMessage, response: ServerResponse, text: string): void {
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : text);
}

function accepts({ headers }: IncomingMessage, packing: Packing): boolean {
  const accepted = String(headers['accept-encoding'] ?? '').toLowerCase();
  return accepted.split(',').some((entry) => {
    const [name, ...parameters] = entry.split(';').map((part) => part.trim());
    return name === packing && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

function hasAlready({ headers }: IncomingMessage, etag: string): boolean {
  const known = headers['if-none-match'] ?? '';
  return known.split(',').some((entry) => entry.trim().replace(/^W\//, '') === etag);
}
