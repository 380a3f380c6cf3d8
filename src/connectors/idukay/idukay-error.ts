import { z } from 'zod';
import { ConnectorError } from '../connector-error.js';
import { type HttpAnswer, HttpFailure } from '../http/index.js';

const refusal = z.object({
  error: z.object({ code: z.string().optional(), message: z.string().optional() }),
});

const WHAT_TO_DO: Readonly<Record<number, string>> = {
  401: 'IDUKAY refused the API key. Check credentials.apiKey, or ask IDUKAY for a new one',
  403: 'IDUKAY does not let this API key do that. Check that it belongs to this institutionCode',
  404: 'IDUKAY knows no such thing. Check institutionCode and config.apiUrl',
  422: 'IDUKAY refused what it was given',
};

/** A failed call in words: what IDUKAY refused, in its own words too, and what to do. */
export function explain(error: unknown): unknown {
  const { status = 0 } = (error instanceof HttpFailure && error.answer) || {};
  const advice = WHAT_TO_DO[status];
  if (!advice || !(error instanceof HttpFailure) || !error.answer) return error;
  const reason = reasonOf(error.answer);
  return new ConnectorError(`${advice} (${[status, reason].filter(Boolean).join(' ')}).`, { cause: error });
}

/** IDUKAY's own words in an answer: `INVALID_KEY: The key has expired`. */
function reasonOf(answer: HttpAnswer): string {
  try {
    return wordsOf(answer.json());
  } catch {
    return '';
  }
}

/** The same in a body that was read; empty when there are none. */
export function wordsOf(body: unknown): string {
  const parsed = refusal.safeParse(body);
  const { code, message } = parsed.success ? parsed.data.error : {};
  return [code, message].filter(Boolean).join(': ').slice(0, 300);
}
