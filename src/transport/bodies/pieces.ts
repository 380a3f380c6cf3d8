import type { IncomingMessage } from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';

/**
 * The body of a request as it comes. Who stops reading leaves the connection as it is, so that an answer can
 * still go out. Throws `canceled` when the caller leaves.
 */
export async function* piecesOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } catch (cause) {
    throw new ConnectError(
      'The caller left before the body was whole.',
      Code.Canceled,
      undefined,
      undefined,
      cause,
    );
  }
}
