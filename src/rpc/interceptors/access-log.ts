import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { currentCaller } from '../../audit/index.js';
import {
  type CallFacts,
  type Exchange,
  exchangeKey,
  type Logger,
  operations,
  withoutRedaction,
} from '../../observability/index.js';
import { type Outcome, outcomeOf } from './outcome.js';
import { requestIdOf } from './request-id.js';

/**
 * Tells of each call: metrics and traces by an operation, the log by one line with what was called, how it
 * ended, what a sync or a sending came to, how long it took. Never a body, a header or a secret. The line comes
 * once the answer is out.
 */
export function accessLog(parent: Logger): Interceptor {
  const logger = withoutRedaction(parent);
  return (next) => async (request) => {
    const { service, method, header, contextValues } = request;
    const exchange = contextValues.get(exchangeKey);
    exchange?.reached();
    const facts: CallFacts = {
      service: service.typeName,
      method: method.name,
      protocol: exchange?.protocol ?? 'connect',
      requestId: requestIdOf(contextValues),
      traceparent: header.get('traceparent') ?? undefined,
      tracestate: header.get('tracestate') ?? undefined,
    };
    // Who it is becomes known on the way.
    const caller = currentCaller();
    const start = performance.now();
    const call = operations.call.begin(facts);
    const done = (error?: unknown, outcome?: Outcome) => {
      facts.code = error === undefined ? 'ok' : codeToString(ConnectError.from(error).code);
      call.end(error);
      const ms = Math.round((performance.now() - start) * 10) / 10;
      log(logger, { facts, ms, outcome, exchange, actor: caller?.actor });
    };
    try {
      const response = await call.within(() => next(request));
      if (!response.stream) {
        done(undefined, outcomeOf(method, response.message, request.message));
        return response;
      }
      return { ...response, message: observed(response.message, call.within, done) };
    } catch (error) {
      done(error);
      throw error;
    }
  };
}

interface Line {
  facts: CallFacts;
  ms: number;
  outcome: Outcome | undefined;
  exchange: Exchange | undefined;
  /** Name of the token that the call bears. */
  actor: string | undefined;
}

function log(logger: Logger, { facts, ms, outcome, exchange, actor }: Line): void {
  const { service, method, protocol, code = 'unknown', requestId } = facts;
  const level = levelOf(code, outcome);
  if (!logger.isLevelEnabled(level)) return;
  const write = () => {
    const { status, bytesIn, bytesOut } = exchange ?? {};
    const rpc = `${service}/${method}`;
    logger[level](
      { rpc, protocol, code, status, ms, requestId, actor, bytesIn, bytesOut, ...outcome?.facts },
      outcome?.isGood === false ? 'call that did not do what was asked' : 'call',
    );
  };
  if (exchange) exchange.onAnswered(write);
  else write();
}

/** Faults of this service, and what an operator has to look at: also a sync that ended as no sync should. */
function levelOf(code: string, outcome: Outcome | undefined): 'info' | 'warn' | 'error' {
  if (['internal', 'unknown', 'data_loss'].includes(code)) return 'error';
  if (['unavailable', 'deadline_exceeded', 'resource_exhausted'].includes(code)) return 'warn';
  return outcome?.isGood === false ? 'warn' : 'info';
}

/** Messages of a stream; what is done for the next one belongs to the call. */
async function* observed<T>(
  messages: AsyncIterable<T>,
  within: <R>(work: () => R) => R,
  done: (error?: unknown) => void,
): AsyncGenerator<T> {
  const items = messages[Symbol.asyncIterator]();
  // What is left when the caller leaves before the end.
  let end: unknown = new ConnectError('The caller left.', Code.Canceled);
  try {
    while (true) {
      const item = await within(() => items.next());
      if (item.done) break;
      yield item.value;
    }
    end = undefined;
  } catch (error) {
    end = error;
    throw error;
  } finally {
    // An iterator that has thrown or ended has nothing left to give back.
    if (end instanceof ConnectError && end.code === Code.Canceled) await items.return?.();
    done(end);
  }
}
