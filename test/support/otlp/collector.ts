import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { type Listening, listenOn } from '../listen.js';
import { type ReceivedSpan, readSpans } from './read-spans.js';

export interface Collector extends Listening {
  spans: ReceivedSpan[];
  /** Path and headers of each call. */
  calls: { path: string; headers: IncomingHttpHeaders }[];
}

/** Somebody who takes traces by OTLP over HTTP. */
export async function startCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const calls: Collector['calls'] = [];
  const take = async (request: IncomingMessage) => {
    const body = await buffer(request);
    const isPacked = request.headers['content-encoding'] === 'gzip';
    calls.push({ path: request.url ?? '', headers: request.headers });
    spans.push(...readSpans(isPacked ? gunzipSync(body) : body));
  };
  const listening = await listenOn((request, response) => {
    take(request).then(
      () => response.writeHead(200, { 'Content-Type': 'application/x-protobuf' }).end(),
      (error: unknown) => response.writeHead(400).end(String(error)),
    );
  });
  return { ...listening, spans, calls };
}
