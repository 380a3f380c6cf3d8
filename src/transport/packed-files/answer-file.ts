import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dropRest } from '../bodies/index.js';
import type { PackedFile, Packing } from './packed-files.js';

const EXTENSIONS: Readonly<Record<Packing, string>> = { br: '.br', gzip: '.gz' };

/**
 * Begins the answer of a site's file or page: scripts come from files of this service alone, and calls go to it
 * alone. `styles`: where styles come from. False when the method is none that is served; then it is answered.
 */
export function beginAnswer(request: IncomingMessage, response: ServerResponse, styles: string): boolean {
  dropRest(request, response);
  response.setHeader('Content-Security-Policy', policyWith(styles));
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  if (request.method === 'GET' || request.method === 'HEAD') return true;
  response.writeHead(405, { Allow: 'GET, HEAD' }).end();
  return false;
}

function policyWith(styles: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${styles}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Answers with a file, in the best packed form that the caller takes; 304 to who has it already. */
export async function answerFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: PackedFile,
  cacheControl = 'no-cache',
): Promise<void> {
  const packing = file.packings.find((name) => accepts(request, name));
  const etag = packing ? file.etag.replace(/"$/, `-${packing}"`) : file.etag;
  response.setHeader('ETag', etag);
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('Cache-Control', cacheControl);
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

function accepts({ headers }: IncomingMessage, packing: Packing): boolean {
  const accepted = String(headers['accept-encoding'] ?? '').toLowerCase();
  return accepted.split(',').some((entry) => {
    const [name, ...parameters] = entry.split(';').map((part) => part.replace(/\s+/g, ''));
    return name === packing && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

function hasAlready({ headers }: IncomingMessage, etag: string): boolean {
  const known = (headers['if-none-match'] ?? '').split(',').map((text) => text.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*');
}
