import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { backoff, RETRY_BUDGET_MS } from '../http/index.js';
import type { ConnectorContext } from '../sis-connector.js';

const MOST_ATTEMPTS = 4;
const DELAY_MS = 200;

type Strategy = Extract<S3ClientConfig['retryStrategy'], { acquireInitialRetryToken: unknown }>;
type Token = Awaited<ReturnType<Strategy['acquireInitialRetryToken']>>;

/** Repeats calls of the SDK as the polite client does: what may pass, a few times, and as late as S3 asks. */
export function createRetryStrategy({ outbound, signal }: ConnectorContext): Strategy {
  const token = (attempts: number): Token => ({ getRetryCount: () => attempts, getRetryDelay: () => 0 });
  return {
    acquireInitialRetryToken: async () => token(0),
    async refreshRetryTokenForRetry(used, { errorType, retryAfterHint }) {
      const attempts = used.getRetryCount() + 1;
      const asked = retryAfterHint && retryAfterHint.getTime() - Date.now();
      // A hint that is no time is none.
      const pause = Number.isFinite(asked) ? Math.max(0, Number(asked)) : backoff(attempts, DELAY_MS);
      if (errorType === 'CLIENT_ERROR' || attempts >= MOST_ATTEMPTS || pause > RETRY_BUDGET_MS)
        throw new Error('not again');
      await outbound.wait(pause, signal);
      return token(attempts);
    },
    recordSuccess: () => {},
  };
}
