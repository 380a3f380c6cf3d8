import type { ServerResponse } from 'node:http';

/** A signal that is aborted when the caller leaves before the answer is whole. */
export function whenLeft(response: ServerResponse): AbortSignal {
  const abort = new AbortController();
  response.once('close', () => {
    // Aborting makes an error with a stack, which takes longer than a small answer.
    if (!response.writableFinished) abort.abort();
  });
  return abort.signal;
}
