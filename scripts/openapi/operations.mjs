// RPCs as operations: each binding of google.api.http to a method and path.
import { getOption, hasOption } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { descriptionOf, summaryOf } from './comments.mjs';
import { errorAnswers } from './errors.mjs';
import { exampleOfSchema } from './message-examples.mjs';

const HTTP_BODY = 'google.api.HttpBody';
/** Of messages that bring a file: what it is called. */
const FILE_NAME = 'file_name';
/** What is in an HttpBody stands in no contract. */
const RAW_TYPES = { ReceiveWebhook: 'application/json', ExportSyncIssues: 'text/csv' };
/** Headers that an RPC reads, which stand in no contract either. */
const HEADERS = {
  ReceiveWebhook: [
    header('webhook-id', 'The same whenever the message is sent again.', 'evt.1'),
    header('webhook-timestamp', 'When it was sent, in seconds since 1970.', '1772449200'),
    header(
      'webhook-signature',
      'Signatures as Standard Webhooks say, parted by blanks.',
      'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
    ),
  ],
};
const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  in: 'header',
  description:
    'Of server-sent events: browsers send it when they come back. After the end there is nothing more.',
  schema: { type: 'string' },
};

const IDEMPOTENCY_KEY = 'Idempotency-Key';
/** Parameters of many operations. */
export const PARAMETERS = {
  [IDEMPOTENCY_KEY]: {
    name: IDEMPOTENCY_KEY,
    in: 'header',
    description:
      'Makes the call safe to repeat: within 24 hours the same key of the same caller is answered as it was the first time. The same key with another request is refused (`IDEMPOTENCY_KEY_REUSED`).',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    example: '0d6f0b2e-5a44-4c8e-9d0a-0f6f3c1f2b11',
  },
};

/** Services whose callers bear no token: they sign, or have a secret address. */
const OPEN_SERVICES = [
  'smartid.integrations.v1.WebhookReceiverService',
  'smartid.integrations.v1.IdukayPushService',
];

const takesKey = ({ methodKind, idempotency }) =>
  methodKind === 'unary' && idempotency !== Idempotency.NO_SIDE_EFFECTS;

export class Operations {
  constructor(schemas, { http, eventStream, successStatus }) {
    this.schemas = schemas;
    this.http = http;
    this.eventStream = eventStream;
    this.successStatus = successStatus;
  }

  isBound(rpc) {
    return hasOption(rpc, this.http);
  }

  /** Adds an operation for each binding of an RPC. */
  add(paths, rpc) {
    const rule = getOption(rpc, this.http);
    for (const binding of [rule, ...rule.additionalBindings]) {
      const httpMethod = binding.pattern.case;
      const { path, variables } = this.#pathOf(rpc, binding.pattern.value);
      paths[path] ??= {};
      if (paths[path][httpMethod]) throw new Error(`two RPCs are bound to ${httpMethod} ${path}`);
      const id = binding === rule ? rpc.localName : additionalId(rpc, rule, binding);
      paths[path][httpMethod] = this.#operation(rpc, binding, variables, id);
    }
  }

  #operation(rpc, binding, variables, operationId) {
    const description = descriptionOf(rpc);
    const needsToken = !OPEN_SERVICES.includes(rpc.parent.typeName);
    const requestBody = this.#requestBody(rpc, binding, variables);
    return {
      operationId,
      tags: [tagOf(rpc.parent)],
      summary: summaryOf(description),
      description,
      ...(rpc.deprecated && { deprecated: true }),
      ...(!needsToken && { security: [] }),
      parameters: [
        ...this.#pathParameters(variables),
        ...this.#queryParameters(rpc, binding, variables),
        ...(HEADERS[rpc.name] ?? []),
        ...(rpc.methodKind === 'server_streaming' ? [LAST_EVENT_ID] : []),
        ...(needsToken && takesKey(rpc) ? [{ $ref: `#/components/parameters/${IDEMPOTENCY_KEY}` }] : []),
      ],
      ...(requestBody && { requestBody }),
      responses: {
        ...this.#answers(rpc, binding),
        ...errorAnswers({ hasPath: variables.length > 0, hasBody: Boolean(binding.body) }),
      },
    };
  }

  #pathOf(rpc, template) {
    const variables = [];
    const path = template.replace(/\{([^}]+)\}/g, (_, dotted) => {
      const field = fieldAt(rpc.input, dotted.split('.'));
      variables.push({ field, dotted });
      return `{${field.jsonName}}`;
    });
    return { path, variables };
  }

  #pathParameters(variables) {
    return variables.map(({ field }) => this.#parameter(field, field.jsonName, 'path'));
  }

  /** With a body of all fields nothing is left for the query. */
  #queryParameters(rpc, binding, variables) {
    if (binding.body === '*') return [];
    const taken = new Set([binding.body, ...variables.map(({ dotted }) => dotted)]);
    // The part of a form says it.
    if (rpc.methodKind === 'client_streaming') taken.add(FILE_NAME);
    const parametersOf = (message, prefix) =>
      message.fields.flatMap((field) => {
        const isInner =
          field.fieldKind === 'message' && !field.message.typeName.startsWith('google.protobuf.');
        if (taken.has([...prefix, field.name].join('.')) || field.fieldKind === 'map') return [];
        if (isInner) return parametersOf(field.message, [...prefix, field.jsonName]);
        return [this.#parameter(field, [...prefix, field.jsonName].join('.'), 'query')];
      });
    return parametersOf(rpc.input, []);
  }

  #parameter(field, name, place) {
    const { description, deprecated, examples, ...schema } = this.schemas.property(field);
    return {
      name,
      in: place,
      ...((place === 'path' || this.schemas.rules.isRequired(field)) && { required: true }),
      ...(description && { description }),
      ...(deprecated && { deprecated }),
      schema,
      ...(examples && { example: examples[0] }),
    };
  }

  #requestBody(rpc, { body }, variables) {
    if (!body) return undefined;
    const inPath = (field) => variables.some((variable) => variable.field === field);
    if (body === '*') {
      const made = this.schemas.body(rpc.input, inPath);
      return made && jsonBody(made.schema, made.isRequired, this.schemas.components);
    }
    const field = fieldAt(rpc.input, [body]);
    if (rpc.methodKind === 'client_streaming') return formBody(field);
    if (field.message?.typeName === HTTP_BODY)
      return {
        required: true,
        content: { [rawTypeOf(rpc)]: { schema: {} } },
        description: descriptionOf(field),
      };
    // Fields of a message in the body may stand in the path.
    const { schema } = this.schemas.body(field.message, inPath);
    return jsonBody(schema, true, this.schemas.components);
  }

  #answers(rpc, binding) {
    const headers = { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } };
    if (rpc.output.fields.length === 0) return { 204: { description: 'It is done.', headers } };
    const field = binding.responseBody ? fieldAt(rpc.output, [binding.responseBody]) : undefined;
    if (field?.message?.typeName === HTTP_BODY) {
      const named = { 'Content-Disposition': { $ref: '#/components/headers/Content-Disposition' } };
      const content = { [rawTypeOf(rpc)]: { schema: { type: 'string' } } };
      return {
        200: { description: descriptionOf(field) || 'The file.', headers: { ...headers, ...named }, content },
      };
    }
    const schema = field ? this.schemas.value(field) : this.schemas.ref(rpc.output);
    const described = field ? descriptionOf(field) : descriptionOf(rpc.output);
    if (rpc.methodKind === 'server_streaming') return this.#streamed(rpc, schema, described, headers);
    const isPaged = field && 'nextPageToken' in rpc.output.field;
    const status = (hasOption(rpc, this.successStatus) && getOption(rpc, this.successStatus)) || 200;
    const shown = {
      ...headers,
      ...(isPaged && { Link: { $ref: '#/components/headers/Link' } }),
      ...(status === 201 && { Location: { $ref: '#/components/headers/Location' } }),
    };
    const content = { 'application/json': withExample(schema, this.schemas.components) };
    return { [status]: { description: described || 'The answer.', headers: shown, content } };
  }

  /** Streams are JSON arrays, or server-sent events for who accepts them; some are events alone. */
  #streamed(rpc, schema, described, headers) {
    const events = {
      'text/event-stream': {
        schema: {
          type: 'string',
          description:
            'An event without a name for each: its `data` is the JSON of one item. Then an event `end`, or an event `error` with an error.',
          'x-item-schema': schema,
        },
      },
    };
    const isEventStream = hasOption(rpc, this.eventStream) && getOption(rpc, this.eventStream);
    const ended = {
      204: { description: 'It was read to its end before: `Last-Event-ID` says so.', headers },
    };
    if (isEventStream) return { 200: { description: described, headers, content: events }, ...ended };
    const list = {
      'application/json': withExample({ type: 'array', items: schema }, this.schemas.components),
    };
    const paged = { ...headers, Link: { $ref: '#/components/headers/Link' } };
    return { 200: { description: described, headers: paged, content: { ...list, ...events } }, ...ended };
  }
}

export function tagOf(service) {
  return service.name.replace(/Service$/, '').replace(/(?<=[a-z])(?=[A-Z])/g, ' ');
}

/** What tells an additional binding from the first: its method, its variable, or that it has fewer. */
function additionalId(rpc, first, binding) {
  const variables = ({ pattern }) => pattern.value.match(/[^{}]+(?=\})/g) ?? [];
  const name = (text) => text.replace(/(?:^|_)([a-z])/g, (_, letter) => letter.toUpperCase());
  if (binding.pattern.case !== first.pattern.case) return `${rpc.localName}By${name(binding.pattern.case)}`;
  const own = variables(binding).find((variable) => !variables(first).includes(variable));
  return own ? `${rpc.localName}By${name(own)}` : `${rpc.localName}OfAll`;
}

function rawTypeOf({ name }) {
  return (
    RAW_TYPES[name] ?? fail(`scripts/openapi/operations.mjs does not say what is in the HttpBody of ${name}`)
  );
}

function header(name, description, example) {
  return { name, in: 'header', required: true, description, schema: { type: 'string' }, example };
}

function fieldAt(message, [name, ...rest]) {
  const field = message.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${message.typeName} has no field ${name}`);
  return rest.length === 0 ? field : fieldAt(field.message, rest);
}

/** A form with a file; its pieces are messages of the stream. */
function formBody(field) {
  const file = { type: 'string', format: 'binary', description: descriptionOf(field) };
  const schema = { type: 'object', properties: { file }, required: ['file'] };
  return { required: true, content: { 'multipart/form-data': { schema } } };
}

function jsonBody(schema, required, components) {
  return { required, content: { 'application/json': withExample(schema, components) } };
}

function withExample(schema, components) {
  return { schema, example: exampleOfSchema(schema, components) };
}

function fail(reason) {
  throw new Error(reason);
}
