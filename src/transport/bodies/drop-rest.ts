import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';

/** What a caller who is still writing may send after the answer, so that he comes to read it. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_MS = 5_000;

/** Sees to it that nobody goes on sending a body whose call was answered before its end. */
export function dropRest(request: IncomingMessage, response: ServerResponse): void {
  response.once('finish', () => {
    if (request.complete || request.destroyed) return;
    const { stream } = response as unknown as Partial<Http2ServerResponse>;
    // HTTP/2 has a word for it: the answer is whole, the rest is not wanted.
    if (stream) stream.close(constants.NGHTTP2_NO_ERROR);
    else drain(request);
  });
}

/** Over HTTP/1.1, cutting at once could take the answer away from a caller who is still writing. */
function drain(request: IncomingMessage): void {
  let size = 0;
  const cut = () => {
    // What came to its end is left alone: the connection may have another call by now.
    if (!request.complete) request.socket.destroy();
  };
  const timer = setTimeout(cut, MOST_MS);
  request.on('data', (piece: Buffer) => {
    size += piece.length;
    if (size > MOST_BYTES) cut();
  });
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
  // A reader who stopped halfway would keep the rest, and its end, from coming.
  request.removeAllListeners('readable');
  request.resume();
}
