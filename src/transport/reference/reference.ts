import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dropRest } from '../bodies/index.js';

/** What is served, by its path: the name of the file, as `scripts/reference.mjs` lays it, and its type. */
const FILES: Readonly<Record<string, { name: string; type: string }>> = {
  '/openapi.json': { name: 'openapi.json', type: 'application/json' },
  '/docs': { name: 'page.html', type: 'text/html; charset=utf-8' },
  '/docs/page.css': { name: 'page.css', type: 'text/css; charset=utf-8' },
  '/docs/start.js': { name: 'start.js', type: 'text/javascript; charset=utf-8' },
  '/docs/swagger-ui-bundle.js': { name: 'swagger-ui-bundle.js', type: 'text/javascript; charset=utf-8' },
  '/docs/swagger-ui.css': { name: 'swagger-ui.css', type: 'text/css; charset=utf-8' },
};
const PACKINGS = { br: '.br', gzip: '.gz' } as const;
type Packing = keyof typeof PACKINGS;

const FOLDER = fileURLToPath(new URL('./files', import.meta.url));

/** Scripts come from this service alone, and calls go to it alone; nothing is inline. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves the OpenAPI document and the page that shows it, to whoever asks; false for every other path.
 * `folder`: what `scripts/reference.mjs` laid.
 */
export function createReference(folder = FOLDER) {
  const etags = readFile(join(folder, 'etags.json'), 'utf8').then(
    (text) => JSON.parse(text) as Record<string, string>,
  );
  // Said by the answer to whoever asks.
  etags.catch(() => {});
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const path = request.url?.split('?', 1)[0] ?? '';
    const file = Object.hasOwn(FILES, path) ? FILES[path] : undefined;
    if (!file && path !== '/docs/') return false;
    dropRest(request, response);
    response.setHeader('Content-Security-Policy', POLICY);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
    } else if (!file) {
      // The page names its files from here.
      response.writeHead(308, { Location: '../docs' }).end();
    } else {
      etags
        .then((known) => answer(request, response, { ...file, etag: known[file.name] as string, folder }))
        .catch(() => response.writeHead(503).end());
    }
    return true;
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  file: { folder: string; name: string; type: string; etag: string },
): Promise<void> {
  const packing = accepted(request);
  const etag = `"${file.etag}${packing ? `-${packing}` : ''}"`;
  response.setHeader('ETag', etag);
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('Cache-Control', 'no-cache');
  if (hasAlready(request, etag)) {
    response.writeHead(304).end();
    return;
  }
  const body = await readFile(join(file.folder, file.name + (packing ? PACKINGS[packing] : '')));
  response.setHeader('Content-Type', file.type);
  response.setHeader('Content-Length', body.length);
  if (packing) response.setHeader('Content-Encoding', packing);
  response.end(request.method === 'HEAD' ? undefined : body);
}

function accepted({ headers }: IncomingMessage): Packing | undefined {
  const names = new Map(
    String(headers['accept-encoding'] ?? '')
      .split(',')
      .map((part) => {
        const [name = '', weight = ''] = part
          .trim()
          .toLowerCase()
          .split(/\s*;\s*q\s*=\s*/);
        return [name, weight === '' || Number(weight) > 0];
      }),
  );
  return (Object.keys(PACKINGS) as Packing[]).find((name) => names.get(name));
}

function hasAlready({ headers }: IncomingMessage, etag: string): boolean {
  const known = (headers['if-none-match'] ?? '').split(',').map((text) => text.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*');
}
