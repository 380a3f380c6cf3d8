// The error model: one schema, and the answers that operations refer to.
import { create, toBinary } from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';

const DOMAIN = 'integrations.smartid';

const CODES = {
  invalid_argument: 'A field is wrong: `details` names it, and says what to do.',
  failed_precondition: 'Things are not so that it could be done.',
  unauthenticated: 'There is no token, or none that is known.',
  not_found: 'There is no such thing, or none that the caller may see.',
  already_exists: 'It is there already.',
  aborted: 'Something else is under way. Call again, after `Retry-After` where it is there.',
  resource_exhausted: 'Too much was asked for. Call again after `Retry-After`.',
  canceled: 'The caller left.',
  unimplemented: 'The path does not take this method.',
  unavailable: 'The service, or what it needs, cannot be reached. Call again.',
  deadline_exceeded: 'It took too long.',
  internal: 'A fault of the service. Its log has it under the request id.',
};

const REQUEST_ID = { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } };
const RETRY_AFTER = { 'Retry-After': { $ref: '#/components/headers/Retry-After' } };

/** By HTTP status: name, description, headers, an example. */
const ANSWERS = {
  400: {
    name: 'BadRequest',
    description: 'A field or parameter is wrong, or things are not so that it could be done.',
    example: {
      code: 'invalid_argument',
      message: 'institutionId: value must be a valid UUID',
      details: [
        { type: 'google.rpc.ErrorInfo', debug: { reason: 'INVALID_FIELDS', domain: DOMAIN } },
        {
          type: 'google.rpc.BadRequest',
          debug: { fieldViolations: [{ field: 'institutionId', description: 'value must be a valid UUID' }] },
        },
      ],
    },
  },
  401: {
    name: 'Unauthorized',
    description: 'There is no token or signature, or none that is good.',
    headers: { 'WWW-Authenticate': { $ref: '#/components/headers/WWW-Authenticate' } },
    example: simple('unauthenticated', 'The bearer token is not known.', 'TOKEN_UNKNOWN'),
  },
  404: {
    name: 'NotFound',
    description: 'There is no such thing, or none that the caller may see.',
    example: simple(
      'not_found',
      'There is no integration 7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11.',
      'INTEGRATION_NOT_FOUND',
    ),
  },
  409: {
    name: 'Conflict',
    description: 'It is there already, or something else is under way.',
    headers: RETRY_AFTER,
    example: simple('aborted', 'A sync of these is under way.', 'SYNC_ALREADY_RUNNING'),
  },
  413: {
    name: 'BodyTooLarge',
    description: 'The body is larger than is taken.',
    example: simple('resource_exhausted', 'The body has more than 4194304 bytes.', 'BODY_TOO_LARGE'),
  },
  429: {
    name: 'TooManyRequests',
    description: 'Too much was asked for. Call again after `Retry-After`.',
    headers: RETRY_AFTER,
    example: simple('resource_exhausted', 'Too many bodies are under way.', 'TOO_MANY_UNFINISHED_BODIES'),
  },
  500: {
    name: 'InternalError',
    description: 'A fault of the service. Its log has it under the request id.',
    example: {
      code: 'internal',
      message: 'The service had an internal error. Its log has it under request id 5f0c2d.',
    },
  },
  503: {
    name: 'Unavailable',
    description: 'The service, or what it needs, cannot be reached. Call again.',
    headers: RETRY_AFTER,
    example: { code: 'unavailable', message: 'The service is ending. Call again.' },
  },
  504: {
    name: 'TimedOut',
    description: 'It took too long.',
    example: { code: 'deadline_exceeded', message: 'The call took too long.' },
  },
};

/** What an operation may answer besides, by HTTP status. */
export function errorAnswers({ hasPath, hasBody }) {
  const statuses = [400, 401, ...(hasPath ? [404] : []), 409];
  statuses.push(...(hasBody ? [413] : []), 429, 500, 503, 504);
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/${ANSWERS[status].name}` }]),
  );
}

/** The parts of `components` that errors consist of. `registry`: knows the messages of details. */
export function errorParts(registry) {
  const whole = ({ details = [], ...error }) => ({
    ...error,
    details: details.map(({ type, debug }) => {
      const desc = registry.getMessage(type);
      return { type, value: base64Encode(toBinary(desc, create(desc, debug)), 'std_raw'), debug };
    }),
  });
  const responses = Object.values(ANSWERS).map(({ name, description, headers, example }) => [
    name,
    {
      description,
      headers: { ...REQUEST_ID, ...headers },
      content: {
        'application/json': { schema: { $ref: '#/components/schemas/Error' }, example: whole(example) },
      },
    },
  ]);
  return {
    schemas: { Error: ERROR, ErrorDetail: ERROR_DETAIL },
    responses: Object.fromEntries(responses),
    headers: {
      'X-Request-Id': { description: 'Under which the log has the request.', schema: { type: 'string' } },
      'Retry-After': {
        description: 'Seconds after which to call again.',
        schema: { type: 'integer', minimum: 0 },
      },
      'WWW-Authenticate': { description: 'How to send a token.', schema: { type: 'string' } },
      Link: {
        description: 'Leads to the next page, where there is one: `<…>; rel="next"`.',
        schema: { type: 'string' },
      },
      Location: { description: 'The path of what was made.', schema: { type: 'string' } },
      'Content-Disposition': { description: 'The name of the file.', schema: { type: 'string' } },
    },
  };
}

const ERROR = {
  type: 'object',
  description: 'Why a call was not done.',
  properties: {
    code: {
      type: 'string',
      description: Object.entries(CODES)
        .map(([code, text]) => `- \`${code}\`: ${text}`)
        .join('\n'),
      enum: Object.keys(CODES),
    },
    message: { type: 'string', description: 'A sentence for the person who has to act.' },
    details: {
      type: 'array',
      description:
        'For programs: a `google.rpc.ErrorInfo`, and a `google.rpc.BadRequest` where fields are wrong.',
      items: { $ref: '#/components/schemas/ErrorDetail' },
    },
  },
  required: ['code'],
};

const ERROR_DETAIL = {
  type: 'object',
  description: 'One detail of an error.',
  properties: {
    type: { type: 'string', description: 'Name of the message, such as `google.rpc.ErrorInfo`.' },
    value: { type: 'string', description: 'The message in its binary form, as base64.' },
    debug: {
      type: 'object',
      description:
        'The message as JSON: `reason` and `metadata` of an ErrorInfo, `fieldViolations` of a BadRequest.',
      additionalProperties: true,
    },
  },
  required: ['type', 'value'],
};

function simple(code, message, reason) {
  return { code, message, details: [{ type: 'google.rpc.ErrorInfo', debug: { reason, domain: DOMAIN } }] };
}
