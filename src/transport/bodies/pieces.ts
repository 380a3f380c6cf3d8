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
    throw left(cause);
  }
}

/** Hands on each piece of a body until its end. What `take` throws ends the reading. */
export type EachPiece = (take: (piece: Uint8Array) => void) => Promise<void>;

/** The same as `piecesOf` for a body that is read at once: an iterator takes longer than a small body. */
export function eachPieceOf(request: IncomingMessage): EachPiece {
  return (take) =>
    new Promise((resolve, reject) => {
      const end = () => stop(resolve);
      const leave = (cause?: unknown) => stop(() => reject(left(cause)));
      const onPiece = (piece: Buffer) => {
        try {
          take(piece);
        } catch (error) {
          request.pause();
          stop(() => reject(error));
        }
      };
      const stop = (settle: () => void) => {
        request.off('data', onPiece).off('end', end).off('close', leave).off('error', leave);
        // It may still break, and nobody would hear of it.
        request.on('error', () => {});
        settle();
      };
      if (request.destroyed && !request.readableEnded) return leave();
      request.on('data', onPiece).once('end', end).once('close', leave).once('error', leave);
    });
}

/** The same for what comes by an iterator. */
export function eachOf(pieces: AsyncIterable<Uint8Array>): EachPiece {
  return async (take) => {
    for await (const piece of pieces) take(piece);
  };
}

function left(cause: unknown): ConnectError {
  return new ConnectError(
    'The caller left before the body was whole.',
    Code.Canceled,
    undefined,
    undefined,
    cause,
  );
}
