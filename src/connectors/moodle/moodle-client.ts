import type { z } from 'zod';
import { ConnectorError } from '../connector-error.js';
import {
  type HttpAnswer,
  type HttpClient,
  HttpFailure,
  type HttpRequest,
  readRetryAfter,
} from '../http/index.js';
import type { ConnectorContext } from '../sis-connector.js';
import type { MoodleConfig, MoodleCredentials } from './moodle-config.js';
import { MoodleError } from './moodle-error.js';

/** Values of a call; objects and arrays become PHP's `a[b][0]=…`. */
export type MoodleParams = { [name: string]: MoodleValue };
type MoodleValue = string | number | boolean | undefined | readonly MoodleValue[] | MoodleParams;

const PATH = '/webservice/rest/server.php';
/** Moodle did nothing, and may be ready soon. */
const BUSY = /^\{"exception":.*"errorcode":"(sitemaintenance|dbconnectionfailed)"/s;

/**
 * Calls web service functions of one Moodle, always by POST: the token must not stand in a log of addresses.
 */
export class MoodleClient {
  readonly #http: HttpClient;
  readonly #token: string;

  constructor(options: {
    context: ConnectorContext;
    config: MoodleConfig;
    credentials: MoodleCredentials;
    concurrency: number;
  }) {
    const { context, config, credentials, concurrency } = options;
    this.#token = credentials.wsToken;
    this.#http = context.http({
      system: 'Moodle',
      baseUrl: config.apiUrl,
      timeoutMs: config.timeout,
      concurrency,
      isBusy: (answer) => BUSY.test(answer.text.slice(0, 2_000)),
    });
  }

  /**
   * The answer of a function that changes nothing, or the same thing when it is called twice. `retries`: how often
   * it is called again at most, where that is less often than usual.
   */
  call<T>(
    wsfunction: string,
    params: MoodleParams,
    schema: z.ZodType<T>,
    { retries }: { retries?: number } = {},
  ): Promise<T> {
    return this.#call(wsfunction, params, schema, {
      idempotent: true,
      ...(retries !== undefined && { retries }),
    });
  }

  /** The answer of a function that must not be called twice. */
  callOnce<T>(wsfunction: string, params: MoodleParams, schema: z.ZodType<T>): Promise<T> {
    return this.#call(wsfunction, params, schema, { idempotent: false });
  }

  async #call<T>(
    wsfunction: string,
    params: MoodleParams,
    schema: z.ZodType<T>,
    repeating: Pick<HttpRequest, 'idempotent' | 'retries'>,
  ): Promise<T> {
    const form = new URLSearchParams({ wstoken: this.#token, wsfunction, moodlewsrestformat: 'json' });
    for (const [name, value] of Object.entries(params)) append(form, name, value);
    const answer = await this.#http
      .send({ method: 'POST', path: PATH, form, ...repeating, name: wsfunction })
      .catch((error: unknown) => {
        throw error instanceof HttpFailure ? explain(error) : error;
      });
    return check(wsfunction, answer, schema);
  }
}

function check<T>(wsfunction: string, answer: HttpAnswer, schema: z.ZodType<T>): T {
  const body = answer.json();
  // Whether it failed stands in the body: the status is 200 either way.
  if (typeof body === 'object' && body !== null && 'exception' in body)
    throw new MoodleError(wsfunction, body as object);
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ConnectorError(
    `Moodle answered ${wsfunction} with something else than expected (at ${issue?.path.join('.') || 'the top'}: ${issue?.message}).`,
  );
}

function append(form: URLSearchParams, name: string, value: MoodleValue): void {
  if (value === undefined) return;
  if (typeof value === 'object') {
    for (const [key, item] of Object.entries(value)) append(form, `${name}[${key}]`, item as MoodleValue);
    return;
  }
  form.append(name, typeof value === 'boolean' ? String(Number(value)) : String(value));
}

/** Answers that come before Moodle's own error model begins. */
function explain(failure: HttpFailure): ConnectorError {
  const { kind, answer, location } = failure;
  if (kind === 'redirect' && location) {
    const wanted = location.replace(/\/webservice\/rest\/server\.php.*$/, '');
    return new ConnectorError(`Moodle wants to be called as ${wanted}. Set config.apiUrl to that.`, {
      cause: failure,
    });
  }
  switch (answer?.status) {
    case 403:
      return new ConnectorError(
        'Moodle answered 403: its web services or the REST protocol are switched off. Enable them under Site administration → Advanced features, and Server → Web services → Manage protocols.',
        { cause: failure },
      );
    case 404:
      return new ConnectorError(
        'There is no Moodle web service at config.apiUrl (404). Is a sub-folder missing in it?',
        {
          cause: failure,
        },
      );
    case 503: {
      const asked = readRetryAfter(answer.headers.get('retry-after'));
      const when = asked ? `; it asks to wait ${Math.ceil(asked / 1_000)} s` : '';
      return new ConnectorError(`Moodle is under maintenance or overloaded (503)${when}. Try again later.`, {
        cause: failure,
      });
    }
    default:
      return failure;
  }
}
