import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { IdukayGateway, makeIdukaySchool } from '../../support/idukay/index.js';
import { listenOn } from '../../support/listen.js';
import { type Answer, call } from './cluster.js';

const STUDENTS = 40;

/** What the load of a school needs: where to call, and what was promised so far. */
export interface Work {
  url: () => string | undefined;
  chance: () => number;
}

/** A school that reads files; what was answered as done is kept, to be looked for in the end. */
export class FileSchool {
  id = '';
  version = 0;
  readonly institutionId = randomUUID();
  readonly people: string[] = [];
  readonly webhooks: string[] = [];
  readonly #folder = `school-${randomUUID()}`;
  #secret = '';

  constructor(private readonly files: string) {}

  async connect(url: string, receiver: string): Promise<void> {
    await this.change();
    const made = await must(url, 'POST', '/integrations', {
      institutionId: this.institutionId,
      provider: 'GENERIC_CSV',
      config: { importPath: this.#folder },
      credentials: {},
    });
    this.id = made.id;
    this.#secret = (await must(url, 'POST', `/integrations/${this.id}/webhook-secrets`, {})).secret;
    await must(url, 'POST', `/institutions/${this.institutionId}/subscriptions`, { url: receiver });
    await must(url, 'POST', `/integrations/${this.id}/sync`, { entityType: 'STUDENT' });
  }

  /** External id -> family name, as the file has it. A few are renamed all the time, and somebody is new in each. */
  rows(): Map<string, string> {
    const all = Array.from({ length: STUDENTS + this.version }, (_, nth): [string, string] => [
      `S${nth + 1}`,
      nth < 3 ? `Soto${this.version}` : 'Paz',
    ]);
    return new Map(all);
  }

  async change(): Promise<void> {
    this.version += 1;
    const lines = [...this.rows()].map(([id, name]) => `${id},Ana${id},${name}`);
    const folder = join(this.files, this.#folder);
    await mkdir(folder, { recursive: true });
    // A file is there whole, or not yet.
    await writeFile(join(folder, 'next'), `id,first_name,last_name\n${lines.join('\n')}\n`);
    await rename(join(folder, 'next'), join(folder, 'students.csv'));
  }

  async work({ url, chance }: Work): Promise<void> {
    if (chance() < 0.5) await this.change();
    const what = chance();
    if (what < 0.4) await call(url(), 'POST', `/integrations/${this.id}/runs`, { entityType: 'STUDENT' });
    else if (what < 0.7) await this.#tell(url());
    else if (what < 0.9) await this.#putPerson(url());
    else await call(url(), 'POST', `/integrations/${this.id}/preview`, { entityType: 'STUDENT' });
  }

  async #tell(url: string | undefined): Promise<void> {
    const webhookId = `msg_${randomUUID()}`;
    const text = JSON.stringify({ changes: [{ entityType: 'STUDENT' }] });
    const at = new Date();
    const headers = {
      'webhook-id': webhookId,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(this.#secret).sign(webhookId, at, text),
    };
    const answer = await call(url, 'POST', `/integrations/${this.id}/webhooks`, text, headers);
    if (answer?.status === 202) this.webhooks.push(webhookId);
  }

  async #putPerson(url: string | undefined): Promise<void> {
    const id = randomUUID();
    const person = { givenName: `Eva ${id}`, familyName: `Rojas ${id}` };
    const answer = await call(url, 'PUT', `/institutions/${this.institutionId}/students/${id}`, person);
    if (answer && answer.status < 300) this.people.push(id);
  }
}

/** A school to which attendance goes; what was taken is kept, to be looked for at the school in the end. */
export class AttendanceSchool {
  id = '';
  readonly institutionId = randomUUID();
  /** `session student` -> status, of sessions that were answered as closed. */
  readonly expected = new Map<string, string>();
  readonly gateway = new IdukayGateway({ lists: makeIdukaySchool({ students: 30, courses: 1 }) });
  #close = async () => {};
  #course = '';
  #students: { internalId: string; externalId: string }[] = [];

  async connect(url: string, receiver: string): Promise<void> {
    const school = await listenOn(this.gateway.handle);
    this.#close = () => school.close();
    const { apiKey, institutionCode } = this.gateway;
    const made = await must(url, 'POST', '/integrations', {
      institutionId: this.institutionId,
      provider: 'IDUKAY',
      config: { apiUrl: school.url },
      credentials: { apiKey, institutionCode },
    });
    this.id = made.id;
    const integration = `/integrations/${this.id}`;
    await must(url, 'POST', `/institutions/${this.institutionId}/subscriptions`, { url: receiver });
    for (const entityType of ['COURSE', 'STUDENT'])
      await must(url, 'POST', `${integration}/sync`, { entityType });
    this.#course = (await must(url, 'GET', `${integration}/mappings/COURSE/external/CUR-1`)).internalId;
    this.#students = await must(url, 'GET', `${integration}/mappings?entityType=STUDENT`);
  }

  async work({ url, chance }: Work): Promise<void> {
    const id = randomUUID();
    const path = `/institutions/${this.institutionId}/class-sessions/${id}`;
    const times = { startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:30:00Z' };
    const records = this.#students.map(({ internalId }) => ({
      studentId: internalId,
      status: chance() < 0.8 ? 'PRESENT' : 'ABSENT',
    }));
    const done = async (answer: Promise<Answer | undefined>) => ((await answer)?.status ?? 500) < 300;
    if (!(await done(call(url(), 'PUT', path, { courseId: this.#course, ...times })))) return;
    if (!(await done(call(url(), 'POST', `${path}/attendance`, { records })))) return;
    if (!(await done(call(url(), 'POST', `${path}/close`, {})))) return;
    const statusOf = new Map(records.map(({ studentId, status }) => [studentId, status]));
    for (const { internalId, externalId } of this.#students)
      this.expected.set(`${id} ${externalId}`, statusOf.get(internalId) as string);
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** The body of an answer that is good. */
export async function must(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer['body']> {
  const answer = await call(url, method, path, body);
  if (answer && answer.status < 300) return answer.body;
  throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
}
