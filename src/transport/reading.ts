import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Admission } from './admission.js';
import { MOST_DEPTH, MOST_ENTRIES, type Reading, UnfinishedBytes } from './bodies/index.js';

/** How the body of a request is read: its bounds, and the bytes it holds until it is whole. */
export type ReadingOf = (request: IncomingMessage, admission: Exclude<Admission, 'refused'>) => Reading;

/** Of a call that bears no token: one student is pushed at a time, and one webhook. */
const OPEN_BYTES = 256 * 1024;
const MIB = 1024 * 1024;
/** What callers without a token hold is counted apart: they cannot take the room of those who bear one. */
const UNFINISHED_OPEN = { perConnection: 4 * MIB, inAll: 32 * MIB };
const UNFINISHED_PER_CONNECTION = 16 * MIB;
const UNFINISHED_IN_ALL = 128 * MIB;

/** `maxBytes`: of a message. */
export function createReadings(maxBytes: number): ReadingOf {
  const unfinished = {
    open: new UnfinishedBytes(UNFINISHED_OPEN),
    // One body of the largest size always has room, with what its pieces take.
    caller: new UnfinishedBytes({
      perConnection: Math.max(UNFINISHED_PER_CONNECTION, 2 * maxBytes),
      inAll: Math.max(UNFINISHED_IN_ALL, 2 * maxBytes),
    }),
  };
  return (request, admission) => ({
    bounds: {
      bytes: admission === 'open' ? Math.min(OPEN_BYTES, maxBytes) : maxBytes,
      depth: MOST_DEPTH,
      entries: MOST_ENTRIES,
    },
    held: unfinished[admission].hold(connectionOf(request)),
  });
}

function connectionOf(request: IncomingMessage): object {
  return (request as unknown as Partial<Http2ServerRequest>).stream?.session ?? request.socket;
}
