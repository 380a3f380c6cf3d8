import { TOKEN } from './service.js';

/** One server-sent event. */
export interface SentEvent {
  event: string;
  id: string | undefined;
  data: unknown;
}

/** Reads server-sent events from a REST path as they come. */
export async function* readEvents(
  url: string,
  headers: Record<string, string> = {},
): AsyncGenerator<SentEvent> {
  const response = await fetch(url, { headers: { Authorization: `Bearer ${TOKEN}`, ...headers } });
  const type = response.headers.get('content-type');
  if (type !== 'text/event-stream') throw new Error(`${response.status} ${type}: ${await response.text()}`);
  let text = '';
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    const whole = text.split('\n\n');
    text = whole.pop() ?? '';
    for (const lines of whole) if (!lines.startsWith(':')) yield toEvent(lines);
  }
}

function toEvent(lines: string): SentEvent {
  const fields = Object.fromEntries(
    lines.split('\n').map((line) => /^(\w+): (.*)$/.exec(line)?.slice(1) as [string, string]),
  );
  return { event: fields.event ?? 'message', id: fields.id, data: JSON.parse(fields.data ?? 'null') };
}
