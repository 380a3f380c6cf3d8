import type { IncomingMessage, ServerResponse } from 'node:http';
import { drained } from './rest-response.js';

/** How often a stream says that it is alive while nothing happens, so that nobody on the way takes it for dead. */
const ALIVE_MS = 15_000;
/** The id of the event after which nothing comes: a browser that reads on with it is told not to come back. */
const END = 'end';

/** Whether a caller asks for server-sent events. */
export function wantsEvents({ headers }: IncomingMessage): boolean {
  return /(^|,)\s*text\/event-stream\s*(;|,|$)/i.test(headers.accept ?? '');
}

/**
 * Whether a browser comes back after the end: it does so by itself whenever a connection ends, and stops on
 * 204.
 */
export function hasSeenEnd({ headers }: IncomingMessage): boolean {
  return headers['last-event-id'] === END;
}

/**
 * Writes values, each the text of its JSON, as server-sent events: one without a name for each, `error` when it fails, `end` when nothing
 * more comes.
 */
export async function answerEvents(
  response: ServerResponse,
  values: AsyncIterator<string>,
  { signal, errorOf }: { signal: AbortSignal; errorOf: (error: unknown) => string },
): Promise<void> {
  // Until the first is there, whatever fails is an answer of its own.
  let next = await values.next();
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    // Proxies of this kind would keep events until there are many.
    'X-Accel-Buffering': 'no',
  });
  const alive = setInterval(() => response.write(': alive\n\n'), ALIVE_MS).unref();
  const write = async (event: string) => {
    if (!response.write(event)) await drained(response, signal);
  };
  try {
    for (let id = 1; !next.done; id++, next = await values.next())
      await write(`id: ${id}\ndata: ${next.value}\n\n`);
    await write(`event: end\nid: ${END}\ndata: {}\n\n`);
  } catch (error) {
    if (!signal.aborted) response.write(`event: error\ndata: ${errorOf(error)}\n\n`);
  } finally {
    clearInterval(alive);
  }
  response.end();
}
