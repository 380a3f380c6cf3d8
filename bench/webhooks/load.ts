import { Agent, request } from 'node:http';
import { Webhook } from 'standardwebhooks';

/** What a process of its own is told to send. */
export interface WebhookLoad {
  port: number;
  path: string;
  /** What messages are signed with. */
  secret: string;
  calls: number;
  atOnce: number;
  /** Each of so many is signed wrongly, and each of so many, half as many off, has a body that is none; 0: none. */
  wrongEvery: number;
  /** Of the ids of the messages. */
  prefix: string;
}

/** What came of it. */
export interface WebhookResult {
  /** Milliseconds of the calls that were taken, in their order. */
  taken: number[];
  /** How many were answered with which status and reason. */
  answers: Record<string, number>;
  seconds: number;
}

interface Call {
  body: string;
  headers: Record<string, string>;
}

/** Signed before, so that it takes no time of the calls. */
function prepare({ calls, secret, prefix, wrongEvery }: WebhookLoad): Call[] {
  const webhook = new Webhook(secret);
  const now = new Date();
  return Array.from({ length: calls }, (_, i) => {
    const isAt = (offset: number) => wrongEvery > 0 && i % wrongEvery === offset;
    const body = isAt(Math.floor(wrongEvery / 2)) ? '[]' : `{"entityType":"STUDENT","externalIds":["S${i}"]}`;
    const id = `${prefix}${i}`;
    const headers = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': webhook.sign(id, now, isAt(0) ? `${body} ` : body),
    };
    return { body, headers };
  });
}

async function measure(load: WebhookLoad): Promise<WebhookResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: load.atOnce });
  const calls = prepare(load);
  const result: WebhookResult = { taken: [], answers: {}, seconds: 0 };
  let next = 0;
  const client = async () => {
    for (let call = calls[next++]; call; call = calls[next++]) {
      const start = performance.now();
      const { status, reason } = await send(agent, load, call);
      if (status === 202) result.taken.push(performance.now() - start);
      const answer = reason ? `${status} ${reason}` : String(status);
      result.answers[answer] = (result.answers[answer] ?? 0) + 1;
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: load.atOnce }, client));
  result.seconds = (performance.now() - start) / 1_000;
  agent.destroy();
  return result;
}

function send(agent: Agent, { port, path }: WebhookLoad, { body, headers }: Call) {
  return new Promise<{ status: number; reason: string | undefined }>((resolve, reject) => {
    const sent = request({ agent, host: '127.0.0.1', port, path, method: 'POST', headers }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.once('end', () => {
        const { statusCode: status = 0 } = response;
        const [, reason] = /"reason":\s*"([A-Z_]+)"/.exec(Buffer.concat(pieces).toString()) ?? [];
        resolve({ status, reason });
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

process.on('message', (load: WebhookLoad) => {
  measure(load).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ error: String(error) }),
  );
});
