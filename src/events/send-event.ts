import fetch, { FetchError, type Response } from 'node-fetch';
import { type Agents, readRetryAfter, reasonOfBreak } from '../outbound/index.js';
import { CLOUD_EVENT } from './cloud-event.js';
import { signedHeaders } from './signature.js';

/** One event on its way to one receiver. */
export interface Message {
  url: string;
  /** The same at every attempt: receivers know by it what they have. */
  id: string;
  body: string;
  secrets: readonly string[];
}

/** What came of an attempt. `retry`: it may pass; `refused`: it will not; `gone`: the receiver wants nothing more. */
export type Outcome =
  | { kind: 'delivered'; httpStatus: number }
  | { kind: 'retry'; httpStatus?: number | undefined; reason: string; askedMs?: number | undefined }
  | { kind: 'refused'; httpStatus?: number | undefined; reason: string }
  | { kind: 'gone'; httpStatus: number; reason: string }
  /** The process ends; nobody knows whether it arrived. */
  | { kind: 'interrupted' };

export interface SendOptions {
  agents: Agents;
  /** Milliseconds until the status has to be there. */
  timeoutMs: number;
  signal: AbortSignal;
}

const GONE = 410;
/** Besides 5xx: what may pass. */
const PASSING = [408, 425, 429];
/** Bytes of a refusal that are read, to tell why, and characters that are kept of what it says. */
const KEPT_BYTES = 1_000;
const KEPT_CHARACTERS = 200;

/** Posts a message once; whatever happens is an outcome. */
export async function sendEvent(message: Message, options: SendOptions): Promise<Outcome> {
  const { url, id, body, secrets } = message;
  const { agents, timeoutMs, signal } = options;
  // Not AbortSignal.any: a signal that lives as long as the process would keep something of every attempt.
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  const timer = setTimeout(abort, timeoutMs);
  signal.addEventListener('abort', abort, { once: true });
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      signal: attempt.signal,
      agent: ({ protocol }) => (protocol === 'https:' ? agents.https : agents.http),
      headers: {
        'Content-Type': CLOUD_EVENT,
        'User-Agent': 'smartid-integrations',
        ...signedHeaders({ id, body, at: new Date() }, secrets),
      },
      body,
    });
    return await judge(response);
  } catch (error) {
    if (signal.aborted) return { kind: 'interrupted' };
    if (attempt.signal.aborted) return { kind: 'retry', reason: `no answer within ${timeoutMs / 1_000} s` };
    if (!(error instanceof FetchError)) throw error;
    if (error.code === 'EADDRESSREFUSED') {
      return {
        kind: 'refused',
        reason: 'it is a private address; the operator can open it in OUTBOUND_ALLOW',
      };
    }
    return { kind: 'retry', reason: reasonOfBreak(error.code) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

async function judge(response: Response): Promise<Outcome> {
  const { status } = response;
  if (response.ok) {
    // The status is the answer: whatever else is said, or breaks off, changes nothing.
    discard(response);
    return { kind: 'delivered', httpStatus: status };
  }
  const reason = await reasonOf(response);
  if (status === GONE) return { kind: 'gone', httpStatus: status, reason };
  if (PASSING.includes(status) || status >= 500) {
    const askedMs = readRetryAfter(response.headers.get('retry-after'));
    return { kind: 'retry', httpStatus: status, reason, askedMs };
  }
  return { kind: 'refused', httpStatus: status, reason };
}

async function reasonOf(response: Response): Promise<string> {
  const { status, statusText, headers } = response;
  const location = headers.get('location');
  if (location && status >= 300 && status < 400) {
    discard(response);
    return `it answered ${status} and leads elsewhere; redirects are not followed`;
  }
  const text = await beginningOf(response);
  return `it answered ${status} ${inOneLine(statusText)}`.trim() + (text ? `: ${text}` : '');
}

/** The first words of a refusal. */
async function beginningOf(response: Response): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(Buffer.from(chunk as Buffer));
      size += chunk.length;
      if (size >= KEPT_BYTES) break;
    }
  } catch {
    // What came counts: the status is known already.
  }
  discard(response);
  return inOneLine(Buffer.concat(chunks).subarray(0, KEPT_BYTES).toString());
}

/** What a receiver says, as it can be stored and shown. */
function inOneLine(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.slice(0, KEPT_CHARACTERS).toWellFormed();
}

function discard(response: Response): void {
  (response.body as unknown as { destroy?: () => void } | null)?.destroy?.();
}
