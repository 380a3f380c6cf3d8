import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Answer {
  $ref?: string;
  content?: Record<string, { schema: object; example?: unknown }>;
}

export interface Operation {
  /** In capitals. */
  method: string;
  /** With its variables, `/integrations/{id}`. */
  path: string;
  operationId: string;
  tags: string[];
  requestBody?: Answer;
  responses: Record<string, Answer>;
}

interface Document {
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Record<string, unknown>>; responses: Record<string, Answer> };
}

/** The generated document. */
export function readDocument(): Document {
  return JSON.parse(readFileSync(join(process.cwd(), 'gen/openapi.json'), 'utf8'));
}

/** All operations of the document. */
export function operations(): Operation[] {
  return Object.entries(readDocument().paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  );
}
