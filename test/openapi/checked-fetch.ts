import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'chai';
import { type Answer, type Operation, operations, readDocument } from './document.js';

/**
 * A fetch that holds every answer against the document: its status, its type, and every field of its JSON, of
 * which none may be unknown. `called`: the ids of the operations that went well.
 */
export function checkedFetch() {
  const called = new Set<string>();
  const find = finder();
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(closed(readDocument()), 'document');
  const fetchChecked = async (request: Request): Promise<Response> => {
    const response = await fetch(request);
    const operation = find(request.method, new URL(request.url).pathname);
    const where = `${request.method} ${operation.path}: ${response.status}`;
    const answer = operation.responses[response.status];
    if (!answer) throw new Error(`${where} is not in the document: ${await response.text()}`);
    const [ref, pointer] = resolve(operation, response.status, answer);
    if (response.ok) called.add(operation.operationId);
    const type = response.headers.get('content-type')?.split(';')[0];
    if (type === undefined) expect(ref.content, where).to.equal(undefined);
    else expect(Object.keys(ref.content ?? {}), where).to.include(type);
    if (type === 'application/json') {
      const validate = ajv.getSchema(`document#${pointer}/content/application~1json/schema`);
      if (!validate) throw new Error(`${where} has no schema at ${pointer}`);
      validate(await response.clone().json());
      expect(validate.errors ?? [], where).to.deep.equal([]);
    }
    return response;
  };
  return { called, fetch: fetchChecked };
}

/** An answer of an operation, and where it stands. */
function resolve({ path, method }: Operation, status: number, answer: Answer): [Answer, string] {
  if (!answer.$ref) {
    const escaped = path.replaceAll('~', '~0').replaceAll('/', '~1');
    return [answer, `/paths/${encodeURIComponent(escaped)}/${method.toLowerCase()}/responses/${status}`];
  }
  const name = answer.$ref.split('/').at(-1) as string;
  return [readDocument().components.responses[name] as Answer, answer.$ref.slice(1)];
}

/** Finds the operation of a request. A word in a path wins over a value. */
function finder() {
  const known = operations()
    .sort((a, b) => a.path.replace(/\{/g, '~').localeCompare(b.path.replace(/\{/g, '~')))
    .map((operation) => ({
      operation,
      path: new RegExp(`^${operation.path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`),
      values: operation.path.split('{').length,
    }))
    .sort((a, b) => a.values - b.values);
  return (method: string, pathname: string): Operation => {
    const found = known.find(({ operation, path }) => operation.method === method && path.test(pathname));
    if (!found) throw new Error(`${method} ${pathname} is not in the document`);
    return found.operation;
  };
}

/** The same document, in which no object has fields besides those that are named. */
function closed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(closed) as T;
  if (value === null || typeof value !== 'object') return value;
  const object = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]));
  const isSchema = object.type === 'object' && object.properties && !object.additionalProperties;
  return (isSchema ? { ...object, additionalProperties: false } : object) as T;
}
