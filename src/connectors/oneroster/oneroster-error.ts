import { z } from 'zod';
import { ConnectorError } from '../connector-error.js';
import { type HttpAnswer, HttpFailure } from '../http/index.js';

const status = z.object({
  imsx_codeMajor: z.string().optional(),
  imsx_severity: z.string().optional(),
  imsx_description: z.string().nullish(),
  imsx_codeMinor: z.string().nullish().catch(undefined),
});

/** 1.2 answers with the status itself, 1.1 wraps it, some in a list. */
const refusal = z.union([
  z.object({ statusInfoSet: z.array(status).min(1) }).transform(({ statusInfoSet: [first] }) => first),
  z.object({ imsx_StatusInfo: status }).transform(({ imsx_StatusInfo: info }) => info),
  status,
]);

/** A call that OneRoster refused, in words that say what to do. Others are returned as they are. */
export function explain(error: unknown, list: string): unknown {
  if (!(error instanceof HttpFailure) || !error.answer || error.kind !== 'status') return error;
  const words = wordsOf(error.answer);
  const code = error.answer.status;
  const reason = [code, words].filter(Boolean).join(' ');
  const say = (sentence: string) => new ConnectorError(sentence, { cause: error });
  switch (code) {
    case 403:
      return say(
        `OneRoster does not let this client read ${list} (${reason}). Give it the scope roster-core.readonly in the school system, or correct config.scope.`,
      );
    case 404:
      return say(
        `OneRoster has no list ${list} at this address (${reason}). Are config.apiUrl and config.version right?`,
      );
    case 400:
    case 422:
      return say(
        `OneRoster refused what it was asked about ${list} (${reason}). Try a smaller config.pageSize.`,
      );
    default:
      return words ? say(`${error.message.replace(/\.$/, '')} (${words}).`) : error;
  }
}

/** Whether a server does not understand what it was asked for, rather than who asks. */
export function isRefusedQuery(error: unknown): boolean {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof HttpFailure && [400, 422].includes(cause.answer?.status ?? 0);
}

/** Whether a server does not offer a list to this client. */
export function isNotOffered(error: unknown): boolean {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof HttpFailure && [403, 404].includes(cause.answer?.status ?? 0);
}

/** OneRoster's own words in an answer; empty when there are none. */
export function wordsOf(answer: HttpAnswer): string {
  try {
    const { imsx_codeMajor: code, imsx_description: words } = refusal.safeParse(answer.json()).data ?? {};
    return [code, words].filter(Boolean).join(': ').slice(0, 300);
  } catch {
    return '';
  }
}
