import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerFile, beginAnswer, type PackedFile, readPackedFiles } from '../packed-files/index.js';

/** Everything of the site is here, and at `/`; no REST path begins like this. */
export const siteRoot = '/console';

const NOT_BUILT = 'This service was built without its console. `npm run build` builds it.\n';
/** The names of these files change with what is in them. */
const IMMUTABLE = 'assets/';
const FOR_A_YEAR = 'public, max-age=31536000, immutable';
/** Inline too, since the library of the parts writes some. */
const STYLES = "'self' 'unsafe-inline'";

interface Site {
  files: ReadonlyMap<string, PackedFile>;
  /** First segments of the paths of pages, below the root of the site. */
  pages: ReadonlySet<string>;
  /** The document that all pages begin with. */
  index: PackedFile;
}

/**
 * Serves a built site to browsers, at `/` and below its root; false for every other path. `folder`: what the
 * build made; where it is not there, `/` says so.
 */
export function createSite(folder: string): (request: IncomingMessage, response: ServerResponse) => boolean {
  const site = readSite(folder);
  return (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '';
    if (path !== '/' && path !== siteRoot && !path.startsWith(`${siteRoot}/`)) return false;
    if (beginAnswer(request, response, STYLES))
      answer(site, path.slice(siteRoot.length + 1), request, response).catch(() => response.destroy());
    return true;
  };
}

function readSite(folder: string): Site | undefined {
  const read = readPackedFiles(folder);
  const files = new Map(read?.byName);
  const index = files.get('index.html');
  files.delete('index.html');
  return read && index && { files, pages: read.pages, index };
}

/** `name`: below the root; empty for the root itself, and for `/`. */
async function answer(
  site: Site | undefined,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!site) return answerText(request, response, NOT_BUILT);
  const isImmutable = name.startsWith(IMMUTABLE);
  const file = site.files.get(name);
  if (file) return answerFile(request, response, file, isImmutable ? FOR_A_YEAR : undefined);
  if (isImmutable) return answerText(request, response, 'There is no such file.\n');
  // The page itself tells of an address that is none of its own.
  response.statusCode = isPage(site, name) ? 200 : 404;
  return answerFile(request, response, site.index);
}

function isPage({ pages }: Site, name: string): boolean {
  const [first = ''] = name.split('/', 1);
  return first === '' || pages.has(first);
}

function answerText(request: IncomingMessage, response: ServerResponse, text: string): void {
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : text);
}
