import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { answerFile, beginAnswer, readPackedFiles } from '../packed-files/index.js';

/** The names of the files that are served, as `scripts/reference.mjs` lays them, by their paths. */
const NAMES: Readonly<Record<string, string>> = {
  '/openapi.json': 'openapi.json',
  '/docs': 'page.html',
  '/docs/page.css': 'page.css',
  '/docs/start.js': 'start.js',
  '/docs/swagger-ui-bundle.js': 'swagger-ui-bundle.js',
  '/docs/swagger-ui.css': 'swagger-ui.css',
};

const FOLDER = fileURLToPath(new URL('./files', import.meta.url));

/**
 * Serves the OpenAPI document and the page that shows it, to whoever asks; false for every other path.
 * `folder`: what `scripts/reference.mjs` laid.
 */
export function createReference(folder = FOLDER) {
  const files = readPackedFiles(folder);
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const path = request.url?.split('?', 1)[0] ?? '';
    const name = Object.hasOwn(NAMES, path) ? NAMES[path] : undefined;
    if (name === undefined && path !== '/docs/') return false;
    if (!beginAnswer(request, response, "'self'")) return true;
    const file = name === undefined ? undefined : files?.byName.get(name);
    // The page names its files from here.
    if (name === undefined) response.writeHead(308, { Location: '../docs' }).end();
    else if (!file) response.writeHead(503).end();
    else answerFile(request, response, file).catch(() => response.destroy());
    return true;
  };
}
