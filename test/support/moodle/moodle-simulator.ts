import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { type Answer, pageAnswer, send, serviceAnswer } from './answer.js';
import { decodeForm, type PhpValue } from './form.js';
import { MoodleFunctions } from './functions.js';
import { MemoryExhausted, MoodleException, refuse } from './moodle-exception.js';
import { MoodleSite } from './site.js';
import type { MoodleSession, MoodleSimulatorOptions, MoodleVices } from './types.js';

const entrance = '/webservice/rest/server.php';

/** Parameters that belong to the protocol, not to the function. */
const envelope = new Set([
  'wstoken',
  'wsfunction',
  'moodlewsrestformat',
  'moodlewssettinglang',
  'moodlewssettingraw',
]);

/** A Moodle site's REST entrance as a request handler, under any sub-folder; state stays between calls. */
export class MoodleSimulator {
  readonly token: string;
  /** Every call in order, refused ones too: function name and decoded parameters, without the token. */
  readonly calls: { wsfunction: string; params: Record<string, unknown> }[] = [];
  /** Sessions by id; marks stick. */
  readonly sessions = new Map<number, MoodleSession>();
  /** What can be made to go wrong; all off at first. */
  readonly vices: MoodleVices = {
    hideUsersFrom: new Set(),
    inaccessibleCourses: new Set(),
    unreadableCourses: new Set(),
    hideIdnumber: false,
    withoutEnrolReview: false,
    withoutAllGroups: false,
    phpMemoryRows: undefined,
    withoutCapability: new Set(),
    unknownFunctions: new Set(),
    maintenance: false,
    databaseDown: false,
    fatal: new Set(),
    broken: new Map(),
    redirectTo: undefined,
    webServicesOff: false,
    tokenState: 'ok',
    userSuspended: false,
  };
  /** Milliseconds that all answers so far have waited. */
  waited = 0;
  private readonly latencyMs: number;
  private readonly rowLatencyMs: Readonly<Record<string, number>>;
  private readonly site: MoodleSite;
  private readonly functions: MoodleFunctions;

  constructor(options: MoodleSimulatorOptions) {
    this.token = options.token ?? '5eed5eed5eed5eed5eed5eed5eed5eed';
    this.latencyMs = options.latencyMs ?? 0;
    this.rowLatencyMs = options.rowLatencyMs ?? {};
    this.site = new MoodleSite(options, this.vices, this.sessions);
    this.functions = new MoodleFunctions(this.site);
  }

  /** Answers one request of a `node:http` server. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.respond(request, response).catch((error: unknown) => {
      // Not Moodle's words: a test that gets here asks the simulator for something it cannot do.
      send(response, request.method, {
        status: 501,
        headers: { 'content-type': 'text/plain' },
        body: String(error),
      });
    });
  };

  /** Deletes a session with its marks, as a teacher does in Moodle. */
  deleteSession(id: number): void {
    this.functions.deleteSession(id);
  }

  private async respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (body === undefined) {
      return;
    }
    const answer = this.answer(request, body);
    if (answer === 'silence') {
      return;
    }
    const ms = this.latencyOf(this.calls.at(-1)?.wsfunction ?? '', answer);
    if (ms > 0) {
      this.waited += ms;
      await wait(ms);
    }
    send(response, request.method, answer);
  }

  /** What an answer takes here; Moodle works for each person of a list. */
  private latencyOf(wsfunction: string, { body }: Answer): number {
    const each = this.rowLatencyMs[wsfunction];
    const rows: unknown = each === undefined ? undefined : JSON.parse(body);
    return this.latencyMs + (Array.isArray(rows) ? (each ?? 0) * rows.length : 0);
  }

  private answer(request: IncomingMessage, body: string): Answer | 'silence' {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    if (!path.endsWith(entrance)) {
      return {
        status: 404,
        headers: { 'content-type': 'text/html; charset=UTF-8' },
        body: 'File not found.\n',
      };
    }
    // PHP reads a body only of a POST, and only a form; a JSON body and an Authorization header mean nothing
    // to it.
    const isForm =
      request.method === 'POST' &&
      /^application\/x-www-form-urlencoded/i.test(request.headers['content-type'] ?? '');
    const form = decodeForm(query, isForm ? body : '');
    const params = Object.fromEntries(Object.entries(form).filter(([name]) => !envelope.has(name)));
    this.calls.push({ wsfunction: text(form.wsfunction), params });
    const { maintenance, redirectTo, webServicesOff } = this.vices;
    const broken = this.vices.broken.get(text(form.wsfunction))?.(params);
    if (broken !== undefined) {
      const type = broken !== 'silence' && broken.body.startsWith('[') ? 'application/json' : 'text/html';
      return broken === 'silence' ? broken : { ...broken, headers: { 'content-type': type } };
    }
    if (maintenance === 'cli') {
      return pageAnswer(503, `${this.site.name} under maintenance`, {
        'retry-after': '300',
        'cache-control': 'post-check=0, pre-check=0',
        pragma: 'no-cache',
        expires: 'Mon, 20 Aug 1969 09:23:00 GMT',
      });
    }
    if (redirectTo !== undefined) {
      return pageAnswer(303, 'Redirect', { location: `${redirectTo}${path}` });
    }
    if (webServicesOff) {
      return pageAnswer(403, '');
    }
    this.site.url = `http://${request.headers.host ?? 'localhost'}${path.slice(0, -entrance.length)}`;
    const outcome = this.outcome(form, params);
    if (outcome instanceof MemoryExhausted) {
      return pageAnswer(500, '');
    }
    return serviceAnswer(outcome, text(form.moodlewsrestformat) === 'json');
  }

  private outcome(form: Record<string, PhpValue>, params: Record<string, PhpValue>): unknown {
    try {
      if (this.vices.databaseDown) {
        throw refuse.database();
      }
      this.authenticate(text(form.wstoken));
      if (form.wsfunction === undefined) {
        throw refuse.parameter();
      }
      return this.functions.call(text(form.wsfunction), params);
    } catch (error) {
      if (error instanceof MoodleException || error instanceof MemoryExhausted) {
        return error;
      }
      throw error;
    }
  }

  /** The token comes first: a bad one is called bad even during maintenance. */
  private authenticate(token: string): void {
    if (token !== this.token || this.vices.tokenState === 'invalid') {
      throw refuse.invalidToken();
    }
    if (this.vices.tokenState === 'expired') {
      this.vices.tokenState = 'invalid';
      throw refuse.access();
    }
    if (this.vices.maintenance === 'setting') {
      throw refuse.maintenance();
    }
    if (this.vices.userSuspended) {
      throw refuse.suspendedUser(this.site.caller.username);
    }
  }
}

/** The whole body; undefined when the caller left before it was sent. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function text(value: PhpValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
