import { readRetryAfter } from '../../outbound/index.js';
import { HttpFailure } from './http-failure.js';

/** How many seconds a server asked to wait that failed a call, whatever was made of that; undefined: it did not say. */
export function retryAfterOf(error: unknown): number | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!(cause instanceof HttpFailure)) continue;
    const ms = readRetryAfter(cause.answer?.headers.get('retry-after'));
    if (ms !== undefined) return Math.ceil(ms / 1_000);
  }
  return undefined;
}
