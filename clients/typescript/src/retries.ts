import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { hasKey } from './idempotency-key.js';

export interface RetryOptions {
  /** So often a call is repeated. Default 3. */
  most?: number;
  /** Longest wait, in milliseconds. A service that asks for a longer one is not waited for. Default 30,000. */
  maxWaitMs?: number;
}

const FIRST_WAIT_MS = 200;
const PASSING = new Set([Code.Unavailable, Code.Aborted, Code.ResourceExhausted]);

/**
 * Repeats calls that failed for a reason that passes, after the wait that Retry-After asks for, or else after
 * one that grows. Only those are repeated that may be: what reads, what is the same when it is done twice,
 * and what bears a key, under which the service does it once.
 */
export function retrying({ most = 3, maxWaitMs = 30_000 }: RetryOptions): Interceptor {
  return (next) => async (request) => {
    const mayRepeat = request.method.idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN || hasKey(request);
    if (request.stream || !mayRepeat) return next(request);
    for (let repeated = 0; ; repeated++) {
      try {
        return await next(request);
      } catch (thrown) {
        const error = ConnectError.from(thrown);
        if (repeated >= most || request.signal.aborted || !isPassing(error)) throw error;
        const waitMs = askedWait(error) ?? Math.random() * Math.min(maxWaitMs, FIRST_WAIT_MS * 4 ** repeated);
        if (waitMs > maxWaitMs) throw error;
        await pause(waitMs, request.signal);
      }
    }
  };
}

/** Of an answer that never came, fetch throws a TypeError. */
function isPassing({ code, cause }: ConnectError): boolean {
  return PASSING.has(code) || cause instanceof TypeError;
}

/** The milliseconds of Retry-After: seconds, or a date. */
function askedWait({ metadata }: ConnectError): number | undefined {
  const asked = metadata.get('retry-after')?.trim();
  if (!asked) return undefined;
  const ms = /^\d+$/.test(asked) ? Number(asked) * 1_000 : Date.parse(asked) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(ConnectError.from(signal.reason, Code.Canceled));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
