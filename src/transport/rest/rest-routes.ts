import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { http } from '../../../gen/google/api/annotations_pb.js';
import type { HttpRule } from '../../../gen/google/api/http_pb.js';
import { HttpBodySchema } from '../../../gen/google/api/httpbody_pb.js';
import { success_status } from '../../../gen/smartid/api/v1/status_pb.js';
import { event_stream } from '../../../gen/smartid/api/v1/streaming_pb.js';
import { type JsonWriter, jsonFieldWriterOf, jsonWriterOf } from '../writers/index.js';
import { matchPath, parsePathTemplate, type Segment } from './path-template.js';

/** One binding of an RPC to an HTTP method and path. */
export interface RestRoute {
  rpc: DescMethod;
  httpMethod: string;
  template: readonly Segment[];
  /** The field paths of the template's variables, in order. */
  variables: readonly (readonly string[])[];
  /** The request field that the body fills; '*': the message; undefined: there is no body. */
  body: string | undefined;
  /** The request field that is a google.api.HttpBody, and takes the body as it is. */
  rawBody: DescField | undefined;
  /**
   * Whether the body is a form with a file. Its pieces are the body's field of the messages, its name their
   * `file_name`.
   */
  isUpload: boolean;
  /** The response field that is the answer; undefined: the message. */
  responseField: DescField | undefined;
  /** Whether the answer is a google.api.HttpBody, which goes out as it is. */
  isRaw: boolean;
  /** The status of an answer that went well; undefined: the one of its kind. */
  successStatus: number | undefined;
  /** Whether a stream goes out as server-sent events, whatever is asked for. */
  isEventStream: boolean;
  /** Writes the answer as JSON. */
  write: JsonWriter;
}

export interface RouteMatch {
  route: RestRoute;
  /** Values of route.variables. */
  values: readonly string[];
}

/** The routes that a path fits, by HTTP method. Literal segments win over variables. */
export type RestRouter = (path: readonly string[]) => ReadonlyMap<string, RouteMatch>;

/**
 * Reads the google.api.http bindings of services. What is wrong with them (unknown fields, two bindings of
 * one path) is an error here, when the service starts.
 */
export function createRestRouter(services: readonly DescService[]): RestRouter {
  const routes = services.flatMap((service) => service.methods.flatMap(routesOf));
  refuseDoubles(routes);
  // A literal beats a variable at the first segment where two templates differ.
  routes.sort((a, b) => (specificity(a) < specificity(b) ? -1 : 1));
  const byLength = new Map<number, RestRoute[]>();
  for (const route of routes) {
    const { length } = route.template;
    byLength.set(length, [...(byLength.get(length) ?? []), route]);
  }
  return (path) => {
    const matches = new Map<string, RouteMatch>();
    for (const route of byLength.get(path.length) ?? []) {
      if (matches.has(route.httpMethod)) continue;
      const values = matchPath(route.template, path);
      if (values) matches.set(route.httpMethod, { route, values });
    }
    return matches;
  };
}

function routesOf(rpc: DescMethod): RestRoute[] {
  if (!hasOption(rpc, http)) return [];
  if (rpc.methodKind === 'bidi_streaming')
    throw new Error(`${rpc.toString()}: a stream both ways has no REST form`);
  const rule = getOption(rpc, http);
  return [rule, ...rule.additionalBindings].map((binding) => toRoute(rpc, binding));
}

function toRoute(rpc: DescMethod, rule: HttpRule): RestRoute {
  const { case: kind, value } = rule.pattern;
  if (kind === undefined || kind === 'custom')
    throw new Error(`${rpc.toString()}: the binding names no HTTP method`);
  const template = parsePathTemplate(value);
  const variables = template.flatMap((segment) => ('variable' in segment ? [segment.variable] : []));
  for (const variable of variables) requireField(rpc, rpc.input, variable);
  const bodyField = rule.body && rule.body !== '*' ? requireField(rpc, rpc.input, [rule.body]) : undefined;
  const responseField = rule.responseBody ? requireField(rpc, rpc.output, [rule.responseBody]) : undefined;
  const answer = responseField ? responseField.message : rpc.output;
  const isRaw = answer?.typeName === HttpBodySchema.typeName && responseField?.fieldKind !== 'list';
  if (isRaw && rpc.methodKind !== 'unary')
    throw new Error(`${rpc.toString()}: a stream of HttpBody has no REST form here`);
  const isUpload = rpc.methodKind === 'client_streaming';
  if (isUpload && !(bodyField?.scalar === ScalarType.BYTES && rpc.input.field.fileName))
    throw new Error(`${rpc.toString()}: of client streams only those of a file have a REST form`);
  return {
    rpc,
    httpMethod: kind.toUpperCase(),
    template,
    variables,
    body: rule.body || undefined,
    rawBody: bodyField?.message?.typeName === HttpBodySchema.typeName ? bodyField : undefined,
    isUpload,
    responseField,
    isRaw,
    successStatus: getOption(rpc, success_status) || undefined,
    isEventStream: hasOption(rpc, event_stream) && getOption(rpc, event_stream),
    write: responseField ? jsonFieldWriterOf(responseField, 'rest') : jsonWriterOf(rpc.output, 'rest'),
  };
}

function requireField(rpc: DescMethod, message: DescMessage, path: readonly string[]): DescField {
  const [name, ...rest] = path;
  const field = message.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${rpc.toString()}: ${message.typeName} has no field ${name}`);
  if (rest.length === 0) return field;
  if (field.fieldKind !== 'message') throw new Error(`${rpc.toString()}: ${name} holds no fields`);
  return requireField(rpc, field.message, rest);
}

function refuseDoubles(routes: readonly RestRoute[]): void {
  const seen = new Map<string, RestRoute>();
  for (const route of routes) {
    const shape = `${route.httpMethod} ${route.template.map((segment) => ('literal' in segment ? segment.literal : '{}')).join('/')}`;
    const other = seen.get(shape);
    if (other)
      throw new Error(`${route.rpc.toString()} and ${other.rpc.toString()} are both bound to ${shape}`);
    seen.set(shape, route);
  }
}

function specificity({ template }: RestRoute): string {
  return template.map((segment) => ('literal' in segment ? '0' : '1')).join('');
}
