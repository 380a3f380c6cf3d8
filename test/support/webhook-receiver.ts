import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { type Listening, listenOn } from './listen.js';

/** One message as it came in. */
export interface Received {
  /** The `webhook-id`. */
  id: string;
  headers: IncomingHttpHeaders;
  text: string;
  /** The CloudEvent. */
  event: {
    id: string;
    type: string;
    source: string;
    subject?: string;
    time: string;
    sequence: string;
    // biome-ignore lint/suspicious/noExplicitAny: of any type of event.
    data: any;
    [name: string]: unknown;
  };
  path: string;
}

/** Answers a message with a status; undefined: it has answered by itself, or never will. */
export type Answer = (
  received: Received,
  response: ServerResponse,
) => number | undefined | Promise<number | undefined>;

const open: Listening[] = [];

/** Closes all receivers. */
export async function closeReceivers(): Promise<void> {
  await Promise.all(open.splice(0).map((server) => server.close()));
}

/** A receiver of webhooks on a port of this machine, which keeps what came in. */
export async function webhookReceiver(answer: Answer = () => 204) {
  const received: Received[] = [];
  const receiver = {
    url: '',
    received,
    answer,
    /** Throws unless a message is signed with this secret, as the reference library sees it. */
    verify: ({ text, headers }: Received, secret: string) =>
      new Webhook(secret).verify(text, headers as Record<string, string>),
  };
  const server = await listenOn(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const { headers, url = '' } = request;
    const message = { id: String(headers['webhook-id']), headers, text, event: JSON.parse(text), path: url };
    received.push(message);
    const status = await receiver.answer(message, response);
    if (typeof status === 'number') response.writeHead(status).end();
  });
  receiver.url = server.url;
  open.push(server);
  return receiver;
}
