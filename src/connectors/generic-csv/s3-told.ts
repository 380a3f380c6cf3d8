import type { S3Client } from '@aws-sdk/client-s3';
import { type OutboundFacts, operations } from '../../observability/index.js';

interface Signed {
  method: string;
  hostname: string;
  port?: number;
}

/** Tells of each exchange of a client, its repeats too, as of those with other school systems. */
export function tellOfExchanges({ middlewareStack }: S3Client): void {
  middlewareStack.add(
    (next) => (given) => {
      const { method, hostname, port } = given.request as Signed;
      const told: OutboundFacts = { method, host: port ? `${hostname}:${port}` : hostname };
      return operations.outbound.observe(told, async () => {
        try {
          const answer = await next(given);
          told.status = (answer.response as { statusCode?: number } | undefined)?.statusCode;
          return answer;
        } catch (error) {
          const { $metadata, $response } = error as {
            $metadata?: { httpStatusCode?: number };
            $response?: { statusCode?: number };
          };
          told.status = $metadata?.httpStatusCode ?? $response?.statusCode;
          if (told.status === undefined) told.failure = 'network';
          throw error;
        }
      });
    },
    // After the signing and the repeats, before an error is made of an answer.
    { step: 'finalizeRequest', priority: 'low', name: 'tellOfExchanges' },
  );
}
