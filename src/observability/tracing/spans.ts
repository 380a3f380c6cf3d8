import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace as traces,
} from '@opentelemetry/api';
import type { Logger } from '../log.js';
import { type Ended, type Operation, operations } from '../operations.js';
import type { Tracing, TracingOptions } from './options.js';
import { createProvider } from './provider.js';
import { statementName } from './statement-name.js';
import { contextOf, traceparentOf } from './trace-context.js';

/** What a span of an operation is. */
interface Shape<Facts> {
  name: (facts: Facts) => string;
  kind?: SpanKind;
  /** What is known at its beginning. */
  begin?: (facts: Facts) => Attributes;
  /** What is known at its end. */
  end?: (facts: Facts) => Attributes;
  /** Where the trace goes on from; default: from the operation around it. */
  parent?: (facts: Facts) => Context;
  /** Called with the span that was begun. */
  begun?: (facts: Facts, span: Span) => void;
  /** Whether it failed although nothing was thrown, in a word. */
  failure?: (facts: Facts) => string | undefined;
}

/** Calls that failed through a fault of this side, as the conventions for RPCs have it. */
const OUR_FAULTS = ['unknown', 'deadline_exceeded', 'unimplemented', 'internal', 'unavailable', 'data_loss'];

/** How long the last spans may take to be sent, in milliseconds. */
const LAST_SEND_MS = 3_000;

/** Makes spans of operations, each within the one around it. */
export function trace(options: TracingOptions, logger: Logger): Tracing {
  const provider = createProvider(options, logger);
  const tracer = provider.getTracer('smartid-integrations');
  const current = new AsyncLocalStorage<Context>();

  function spansOf<Facts extends object>(operation: Operation<Facts>, shape: Shape<Facts>): (() => void)[] {
    const open = new WeakMap<Facts, Context>();
    const enter = (facts: Facts): Context => {
      const known = open.get(facts);
      if (known) return known;
      const parent = shape.parent?.(facts) ?? current.getStore() ?? ROOT_CONTEXT;
      const { name, kind = SpanKind.INTERNAL, begin } = shape;
      const span = tracer.startSpan(name(facts), { kind, attributes: begin?.(facts) ?? {} }, parent);
      shape.begun?.(facts, span);
      const context = traces.setSpan(parent, span);
      open.set(facts, context);
      return context;
    };
    const leave = ({ facts, error }: Ended<Facts>) => {
      // What was never worked on, such as a call that could not be read, has a span all the same.
      const span = traces.getSpan(enter(facts));
      const failure = shape.failure ? shape.failure(facts) : error === undefined ? undefined : nameOf(error);
      if (shape.end) span?.setAttributes(shape.end(facts));
      // No message: it may hold what a school system says of a person.
      if (failure) span?.setStatus({ code: SpanStatusCode.ERROR, message: failure });
      span?.end();
    };
    return [operation.onWork(current, enter), operation.onEnd(leave)];
  }

  const endings = [
    ...spansOf(operations.call, {
      name: ({ service, method, protocol }) => (service ? `${service}/${method}` : protocol),
      kind: SpanKind.SERVER,
      parent: ({ traceparent, tracestate }) => contextOf(traceparent, tracestate),
      begin: ({ service, method, protocol, requestId }) => ({
        'rpc.system': protocol,
        'rpc.service': service,
        'rpc.method': method,
        ...(requestId && { 'smartid.request_id': requestId }),
      }),
      end: ({ code = 'unknown' }) => ({ 'rpc.response.status_code': code }),
      failure: ({ code = 'unknown' }) => (OUR_FAULTS.includes(code) ? code : undefined),
    }),
    ...spansOf(operations.enqueue, {
      name: ({ queue }) => `enqueue ${queue}`,
      kind: SpanKind.PRODUCER,
      begun: (facts, span) => {
        facts.traceparent = traceparentOf(span.spanContext());
      },
    }),
    ...spansOf(operations.job, {
      name: ({ queue }) => `job ${queue}`,
      kind: SpanKind.CONSUMER,
      parent: ({ traceparent }) => contextOf(traceparent, undefined),
      begin: ({ attempt }) => ({ 'smartid.attempt': attempt }),
    }),
    ...spansOf(operations.run, {
      name: ({ run }) => `run ${run.kind} ${run.entityType}`,
      begin: ({ run, provider }) => ({
        'smartid.run_id': run.id,
        'smartid.integration_id': run.integrationId,
        'smartid.entity_type': run.entityType,
        'smartid.provider': provider,
        'smartid.attempt': run.attempt,
      }),
      end: ({ run, outcome = 'INTERRUPTED' }) => ({
        'smartid.outcome': outcome,
        ...Object.fromEntries(
          Object.entries(run.counts).map(([name, count]) => [`smartid.rows.${name}`, count]),
        ),
      }),
      failure: ({ outcome = 'INTERRUPTED' }) =>
        ['FAILED', 'INTERRUPTED'].includes(outcome) ? outcome : undefined,
    }),
    ...spansOf(operations.step, { name: ({ name }) => name }),
    ...spansOf(operations.statement, {
      name: ({ text }) => statementName(text),
      kind: SpanKind.CLIENT,
      begin: () => ({ 'db.system.name': 'postgresql' }),
    }),
    ...spansOf(operations.sending, {
      name: () => 'send attendance',
      begin: ({ integrationId, sessionId, provider }) => ({
        'smartid.integration_id': integrationId,
        'smartid.session_id': sessionId,
        'smartid.provider': provider,
      }),
      end: ({ deliveries = {} }) =>
        Object.fromEntries(
          Object.entries(deliveries).map(([status, n]) => [`smartid.deliveries.${status}`, n]),
        ),
    }),
    ...spansOf(operations.outbound, {
      name: ({ method, host }) => `${method} ${host}`,
      kind: SpanKind.CLIENT,
      begin: ({ method, host }) => ({ 'http.request.method': method, 'server.address': host }),
      end: ({ status }) => (status === undefined ? {} : { 'http.response.status_code': status }),
      begun: (facts, span) => {
        if (isAmong(options.outboundHosts, facts.host))
          facts.traceHeaders = { traceparent: traceparentOf(span.spanContext()) };
      },
      failure: ({ status, failure }) =>
        failure ?? (status !== undefined && status >= 400 ? String(status) : undefined),
    }),
  ];
  return {
    async close() {
      for (const end of endings) end();
      // A collector that is away must not keep the process.
      await Promise.race([
        provider.shutdown().catch(() => {}),
        sleep(LAST_SEND_MS, undefined, { ref: false }),
      ]);
    },
  };
}

/** A host is named with its port or without. */
function isAmong(hosts: readonly string[], host: string): boolean {
  return hosts.includes(host) || hosts.includes(host.replace(/:\d+$/, ''));
}

function nameOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'error';
}
