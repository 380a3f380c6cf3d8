// What the service answers beside its RPCs.

const REQUEST = { tags: ['Operation'], parameters: [] };
const json = (schema, example) => ({ 'application/json': { schema, example } });

const health = (status) => ({
  type: 'object',
  properties: {
    status: { type: 'string', enum: [status] },
    ...(status === 'unavailable' && { problems: { type: 'array', items: { type: 'string' } } }),
  },
  required: ['status'],
});

export const pagePaths = {
  '/healthz': {
    get: {
      ...REQUEST,
      operationId: 'isAlive',
      summary: 'Whether the process is alive',
      security: [],
      responses: { 200: { description: 'It is.', content: json(health('ok'), { status: 'ok' }) } },
    },
  },
  '/readyz': {
    get: {
      ...REQUEST,
      operationId: 'isReady',
      summary: 'Whether the service can do its work',
      security: [],
      responses: {
        200: { description: 'It can.', content: json(health('ok'), { status: 'ok' }) },
        503: {
          description: 'It cannot, and why.',
          content: json(health('unavailable'), {
            status: 'unavailable',
            problems: ['The database cannot be reached.'],
          }),
        },
      },
    },
  },
  '/version': {
    get: {
      ...REQUEST,
      operationId: 'getVersion',
      summary: 'What runs',
      security: [],
      responses: {
        200: {
          description: 'The release, and what it was built of.',
          content: json({ type: 'object', additionalProperties: true }, { version: '0.1.0' }),
        },
      },
    },
  },
  '/metrics': {
    get: {
      ...REQUEST,
      operationId: 'getMetrics',
      summary: 'Metrics, in the text format of Prometheus',
      description: 'Without a token where the service was started with METRICS_OPEN.',
      responses: {
        200: { description: 'The metrics.', content: { 'text/plain': { schema: { type: 'string' } } } },
        401: { $ref: '#/components/responses/Unauthorized' },
      },
    },
  },
  '/openapi.json': {
    get: {
      ...REQUEST,
      operationId: 'getOpenApi',
      summary: 'This document',
      security: [],
      responses: {
        200: {
          description: 'OpenAPI 3.1.',
          headers: { ETag: { description: 'Changes with the document.', schema: { type: 'string' } } },
          content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } },
        },
        304: { description: 'The caller has it: `If-None-Match` says so.' },
      },
    },
  },
};
